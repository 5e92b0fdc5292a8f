"""The batch transport on real brokers: what is committed is processed, and nothing is lost, skipped or dropped."""

import random
import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.broker.fleet import Fleet, Probe, fleet
from tests.broker.probe import Batch, Control
from tests.broker_helpers import Broker, wait_until

pytestmark = pytest.mark.broker


def test_batches_come_and_are_committed_and_other_topics_go_the_stock_way(each_broker: Broker, tmp_path: Path) -> None:
    with fleet(each_broker, tmp_path) as group:
        group.send(2500)
        each_broker.produce(group.rollouts, [b"a", b"b", b"c"])
        group.probe(0)
        wait_until(group.covered, lambda reached: reached == group.sent)
        assert max(batch.count for batch in group.notes(Batch)) > 100
        wait_until(lambda: [note.value for note in group.notes(Control)], lambda values: values == ["a", "b", "c"])
        wait_until(group.committed, lambda offsets: offsets == group.sent)
        wait_until(lambda: group.committed(group.rollouts), lambda offsets: offsets == [3])
        assert group.probe(0).terminate() == 0


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_churn(each_broker: Broker, tmp_path: Path) -> None:
    """Workers come, go and are killed while records flow. The commit is read first, then what was processed."""
    chance, over, looks, kills = random.Random(5), 0, 0, 0
    with fleet(each_broker, tmp_path, delay=0.02) as group:
        group.probe(0)
        group.probe(1)
        end, event = time.monotonic() + 30, time.monotonic() + 6
        while time.monotonic() < end:
            group.send(150)
            committed, reached = group.committed(), group.covered()
            over += sum(offset > processed for offset, processed in zip(committed, reached, strict=True))
            looks += 1
            if time.monotonic() > event:
                event = time.monotonic() + chance.uniform(2, 4)
                kills += change(group, chance)
        for number in range(3):
            group.probe(number)
        wait_until(group.covered, lambda reached: reached == group.sent, 40)
        wait_until(group.committed, lambda offsets: offsets == group.sent)
    assert over == 0
    assert looks > 30
    assert kills > 2


def change(group: Fleet, chance: random.Random) -> bool:
    """Start one of three workers, or end one, in order or by kill -9: whether one was ended."""
    down = [number for number in range(3) if number not in group.probes or not group.probes[number].running]
    if len(down) == 2 or (down and chance.random() < 0.5):
        group.probe(chance.choice(down))
        return False
    leaving = group.probe(chance.choice([number for number in range(3) if number not in down]))
    if chance.random() < 0.7:
        leaving.kill()
    else:
        end_in_order(leaving)
    return True


def end_in_order(probe: Probe) -> None:
    """SIGTERM; a probe that has only just been started may not listen to it yet."""
    assert probe.terminate() in (0, -signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_without_a_commit_every_rebalance_reads_from_the_beginning(each_broker: Broker, tmp_path: Path) -> None:
    with fleet(each_broker, tmp_path, hold=True) as group:
        group.probe(0)
        end, turn = time.monotonic() + 35, 0
        while time.monotonic() < end:
            for _ in range(10):
                group.send(150)
                time.sleep(0.2)
            turn += 1
            other = group.probes.get(1 + turn % 2)
            if other is None or not other.running:
                group.probe(1 + turn % 2)
            elif turn % 3:
                other.kill()
            else:
                end_in_order(other)
    reads, holes = read_anew(group)
    assert holes == []
    assert reads >= 8


def read_anew(group: Fleet) -> tuple[int, list[str]]:
    """How often a worker began to read a partition in a generation, and where it did not go on at the next record."""
    reads, holes = 0, []
    for probe in group.probes.values():
        reached: dict[tuple[int, int], int] = defaultdict(int)
        for batch in probe.notes(Batch):
            place = batch.generation, batch.partition
            reads += place not in reached
            if batch.first != reached[place]:
                holes.append(f"partition {batch.partition}: {batch.first} after {reached[place]}")
            reached[place] = batch.last + 1
    return reads, holes


@pytest.mark.timeout(90)
def test_slow_agents_bound_the_queues_and_lose_nothing(each_broker: Broker, tmp_path: Path) -> None:
    with fleet(each_broker, tmp_path, delay=0.05) as group:
        probe = group.probe(0)
        group.send(1)
        wait_until(group.covered, lambda reached: reached == group.sent)
        for _ in range(80):
            group.send(20)
            time.sleep(0.02)
        asked = time.time()
        texts = [str(number) for number in range(200)]
        each_broker.produce(group.rollouts, [text.encode() for text in texts])
        controls = wait_until(lambda: group.notes(Control), lambda notes: len(notes) >= len(texts))
        assert [note.value for note in controls] == texts
        assert controls[0].at - asked < 5, "a full queue of one topic held up the other"
        wait_until(group.covered, lambda reached: reached == group.sent, 40)
        batches = group.notes(Batch)
        assert sum(batch.count for batch in batches) == sum(group.sent), "not exactly once"
        assert 10 < max(batch.depth for batch in batches) <= probe.orders.maxsize + len(group.sent)
        wait_until(group.committed, lambda offsets: offsets == group.sent)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_workers_without_partitions_wait_for_their_turn(each_broker: Broker, tmp_path: Path) -> None:
    with fleet(each_broker, tmp_path, partitions=1) as group:
        group.send(10)
        for number in range(4):  # two topics of one partition each
            group.probe(number)
        wait_until(group.covered, lambda reached: reached == group.sent)
        wait_until(lambda: sum(" Ready" in probe.log() for probe in group.probes.values()), lambda ready: ready == 4)
        for living in (3, 2):
            owner = max(group.notes(Batch), key=lambda batch: batch.at)
            (owning,) = [probe for probe in group.probes.values() if owner in probe.notes(Batch)]
            owning.kill()
            for _ in range(2):
                group.send(10)
                wait_until(group.covered, lambda reached: reached == group.sent)
            assert sum(probe.running for probe in group.probes.values()) == living


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_leader_that_is_down_holds_up_only_its_partitions(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers are assigned partitions without a commit, some of whose leader is down, and go on with the others."""
    broker.needs("faults")
    if broker.bootstrap.count(",") < 2:
        pytest.skip("needs three brokers that the test can kill: CANARY_TEST_BROKER with three addresses")
    monkeypatch.setattr(broker, "replicas", 1)
    with fleet(broker, tmp_path, partitions=6) as group:
        group.send(100)
        lost = group.leaders()[0]
        gone = [partition for partition, leader in enumerate(group.leaders()) if leader == lost]
        wanted = [0 if partition in gone else 100 for partition in range(6)]
        assert 0 < len(gone) < 6
        broker.kill(lost)
        group.probe(0)
        wait_until(group.covered, lambda reached: reached == wanted, 40)
        group.probe(1)
        others = [partition for partition in range(6) if partition not in gone]
        for _ in range(20):
            group.send(10, *others)
            time.sleep(0.5)
        wanted = [0 if partition in gone else 300 for partition in range(6)]
        wait_until(group.covered, lambda reached: reached == wanted, 30)
        assert all(probe.running for probe in group.probes.values())
        broker.restart(lost)
        wait_until(group.covered, lambda reached: reached == group.sent, 40)
