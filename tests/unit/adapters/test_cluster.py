"""Where no broker answers, that is the answer, in time and without leftovers."""

import socket
import threading
import time

from stream.adapters.cluster import cluster_id
from stream.adapters.embedded_broker import LOOPBACK, free_port


def test_nobody_listens() -> None:
    began = time.monotonic()
    assert cluster_id(f"{LOOPBACK}:{free_port()},{LOOPBACK}:{free_port()}", 0.3) is None
    assert 0.3 <= time.monotonic() - began < 3


def test_one_listens_and_says_nothing() -> None:
    threads = threading.active_count()
    with socket.create_server((LOOPBACK, 0)) as server:
        began = time.monotonic()
        assert cluster_id(f"{LOOPBACK}:{server.getsockname()[1]}", 0.3) is None
        assert 0.3 <= time.monotonic() - began < 3
    assert threading.active_count() == threads


def test_a_name_that_there_is_not() -> None:
    assert cluster_id("nowhere.invalid:9092", 0.1) is None
