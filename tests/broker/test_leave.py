"""How a worker starts, crashes and drains on a real broker, and that it opens no port."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from stream.adapters.worker.leave import CRASH_SECONDS, DRAIN_SECONDS
from tests.broker.fleet import Fleet, Probe, fleet
from tests.broker.probe import Batch
from tests.broker_helpers import Broker, wait_until

pytestmark = pytest.mark.broker

SPARE = 2.0
"""Seconds for a busy machine."""


def at_work(group: Fleet) -> Probe:
    """A probe that has processed what there is."""
    probe = group.probe(0)
    group.send(100)
    wait_until(group.covered, lambda reached: reached == group.sent)
    return probe


def fail(probe: Probe, where: str) -> None:
    Path(f"{probe.orders.log}.fail").write_text(where)


def test_a_signal_drains(each_broker: Broker, tmp_path: Path) -> None:
    with fleet(each_broker, tmp_path) as group:
        assert at_work(group).terminate() == 0
        assert group.committed() == group.sent


def test_it_opens_no_port(each_broker: Broker, tmp_path: Path) -> None:
    with fleet(each_broker, tmp_path) as group:
        assert listening(at_work(group).pid) == []


def listening(pid: int) -> list[str]:
    """The addresses where a process listens, as the kernel writes them."""
    folder = Path(f"/proc/{pid}/fd")
    if not folder.is_dir():
        pytest.skip("needs /proc, where Linux says who listens")
    links = [os.readlink(entry) for entry in folder.iterdir()]
    own = {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}
    rows = [row.split() for name in ("tcp", "tcp6") for row in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[3] == "0A" and row[9] in own]


@pytest.mark.parametrize("where", ["agent", "task"])
def test_what_fails_ends_it_and_is_read_again(each_broker: Broker, tmp_path: Path, where: str) -> None:
    """Faust's own choice starts a failed agent anew, behind the batch it failed at."""
    with fleet(each_broker, tmp_path) as group:
        probe = at_work(group)
        fail(probe, where)
        group.send(100)
        assert probe.wait(CRASH_SECONDS + SPARE) == 1
        fail(probe, "")
        seen = len(group.notes(Batch))
        group.probe(0)
        wait_until(group.covered, lambda reached: reached == group.sent)
        if where == "agent":
            assert len(group.notes(Batch)) > seen


def test_a_crash_leaves_a_frozen_broker_within_seconds(broker: Broker, tmp_path: Path) -> None:
    broker.needs("faults")
    with fleet(broker, tmp_path) as group:
        probe = at_work(group)
        broker.pause()
        fail(probe, "task")
        assert probe.wait(CRASH_SECONDS + SPARE) == 1
        broker.resume()


def test_a_signal_leaves_a_frozen_broker_within_seconds(broker: Broker, tmp_path: Path) -> None:
    broker.needs("faults")
    with fleet(broker, tmp_path) as group:
        probe = at_work(group)
        broker.pause()
        began = time.monotonic()
        code = probe.terminate(DRAIN_SECONDS + SPARE)
        print(f"ended with {code} after {time.monotonic() - began:.1f} s")
        broker.resume()
        assert code in (0, 1)


@pytest.mark.slow
def test_a_frozen_broker_lets_none_start(broker: Broker, tmp_path: Path) -> None:
    broker.needs("faults")
    with fleet(broker, tmp_path) as group:
        broker.pause()
        try:
            code = group.probe(0).wait(30)
        except subprocess.TimeoutExpired:
            code = None
        broker.resume()
        assert code == 1
