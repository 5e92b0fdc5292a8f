"""Getting in where some of the brokers that are named cannot be used."""

import socket
import time
from contextlib import ExitStack

import pytest

from stream.adapters.embedded_broker import free_port
from stream.adapters.kafka.admin import partitions_of
from stream.adapters.kafka.probe import reach
from stream.adapters.kafka.records import open_reader
from stream.adapters.settings import Settings
from tests.broker_helpers import Broker

pytestmark = pytest.mark.broker


def test_a_frozen_and_a_missing_broker_among_others(each_broker: Broker) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.t", 2)
    good = each_broker.bootstrap.split(",")[0]
    with ExitStack() as stack:
        frozen = stack.enter_context(socket.create_server(("127.0.0.1", 0)))  # takes connections, answers none
        brokers = f"127.0.0.1:{frozen.getsockname()[1]},127.0.0.1:{free_port()},{good}"
        settings = Settings.read(each_broker.environment("p", broker=brokers))
        began = time.monotonic()
        assert reach(settings) == good
        assert time.monotonic() - began < 6
        assert partitions_of(settings, [topic]) == {topic: 2}
        with open_reader(settings) as reader:
            assert reader.whole(topic) == []
