"""The idle clock on real brokers: it runs where nothing comes, stops where nobody answers, and passes no record."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from stream.adapters.worker.fetch_clock import STEADY
from tests.broker.fleet import Fleet, fleet
from tests.broker.probe import Look
from tests.broker_helpers import Broker, wait_until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(90)]

LAG = 1.0
"""Seconds that the clock may be behind, on a machine that does other things too."""


@contextmanager
def asked(broker: Broker, path: Path) -> Iterator[Fleet]:
    """Two partitions, and a probe that asks for their clocks all the time."""
    with fleet(broker, path, partitions=2, ask=0.05, values=True) as group:
        yield group


def looks(group: Fleet, partition: int, after: float = 0) -> list[Look]:
    """Those where the clock stood behind a time."""
    return [
        look
        for look in group.notes(Look)
        if look.partition == partition and look.quiet is not None and look.quiet / 1000 > after
    ]


def first(group: Fleet, partition: int, after: float, seconds: float = 30) -> Look:
    """The first of them, waited for."""
    return wait_until(lambda: looks(group, partition, after), bool, seconds)[0]


def test_it_runs_where_nothing_comes(each_broker: Broker, tmp_path: Path) -> None:
    with asked(each_broker, tmp_path) as group:
        group.send(10, 0)
        group.probe(0)
        idle = [first(group, partition, 0) for partition in (0, 1)]
        assert [look.processed for look in idle] == [10, -1]
        assigned = min(look.at for look in group.notes(Look))
        for look in idle:
            assert look.at - assigned > STEADY - LAG
            assert look.at - (look.quiet or 0) / 1000 < LAG
        sent = time.time()
        group.send(5, 0)
        again = first(group, 0, sent)
        assert again.processed == 15
        assert again.at - sent < 2 * LAG
        times = [look.quiet for look in looks(group, 1)]
        assert times == sorted(times, key=lambda one: one or 0)


@pytest.mark.slow
def test_it_passes_no_record(each_broker: Broker, tmp_path: Path) -> None:
    """What was acknowledged before the clock's time is processed, whatever the moment."""
    with asked(each_broker, tmp_path) as group:
        group.probe(0)
        first(group, 0, 0)
        written = []
        for number in range(150):
            group.send(1, 0)
            written.append(time.time())
            time.sleep(0.001 * (number % 40))
        first(group, 0, written[-1])
        found = looks(group, 0)
        assert len({look.processed for look in found}) > 5
        for look in found:
            before = sum(at * 1000 < (look.quiet or 0) for at in written)
            assert look.processed >= before or before == 0


@contextmanager
def transaction(broker: Broker, name: str) -> Iterator[Any]:
    """A producer in a transaction, which the block has to end."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", transactional_id=name)
    producer.init_transactions()
    producer.begin_transaction()
    yield producer
    producer.close(5)


def test_it_waits_at_an_open_transaction_and_runs_behind_an_ended_one(broker: Broker, tmp_path: Path) -> None:
    broker.needs("transactions")
    with asked(broker, tmp_path) as group:
        broker.produce(group.telemetry, [b"a"] * 3, 0, transaction="commit")
        broker.produce(group.telemetry, [b"aborted"] * 3, 1, transaction="abort")
        group.probe(0)
        assert first(group, 0, 0).processed == 3
        assert first(group, 1, 0).processed == -1
        with transaction(broker, f"{group.prefix}-open") as producer:
            producer.send(group.telemetry, b"b", partition=0).get(10)
            opened = time.time()
            first(group, 1, opened + 3)
            assert not looks(group, 0, opened + LAG / 10), "an open transaction may still bring records of this time"
            producer.commit_transaction()
        ended = time.time()
        assert first(group, 0, ended).processed == 5


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("fault", ["pause", "kill"])
def test_it_stops_where_nobody_answers_and_comes_back_five_seconds_after(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    broker.needs("faults")
    monkeypatch.setattr(broker, "replicas", 1)  # or another broker would soon lead what this one led
    with asked(broker, tmp_path) as group:
        group.send(1, 0)
        group.probe(0)
        first(group, 0, 0)
        leader = group.leaders()[0]
        {"pause": broker.pause, "kill": broker.kill}[fault](leader)
        broken = time.time()
        time.sleep(4)
        assert not looks(group, 0, broken + LAG)
        back = time.time()
        {"pause": broker.resume, "kill": broker.restart}[fault](leader)
        wait_until(lambda: (group.probe(0), looks(group, 0, back))[1], bool, 80)
        for partition in [number for number, leads in enumerate(group.leaders()) if leads == leader]:
            look = first(group, partition, back)
            assert (look.quiet or 0) / 1000 - back > STEADY
