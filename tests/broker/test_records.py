"""Reading topics: to their end, whatever lies there, and backwards."""

import time

import pytest

from stream.adapters.kafka.records import FIRST_WINDOW, open_reader, write
from stream.adapters.settings import Settings
from stream.errors import SourceError
from tests.broker_helpers import Broker, Outgoing

pytestmark = pytest.mark.broker


def settings(broker: Broker) -> Settings:
    return Settings.read(broker.environment("p"))


def test_all_records_of_all_partitions(each_broker: Broker) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.t", 3)
    each_broker.produce(topic, [Outgoing(b"%d" % number, b"k%d" % number) for number in range(3000)])
    with open_reader(settings(each_broker)) as reader:
        found = reader.whole(topic)
        assert sorted(int(record.value or b"") for record in found) == list(range(3000))
        for partition in range(3):
            offsets = [record.offset for record in found if record.partition == partition]
            assert offsets == list(range(len(offsets)))
        assert sorted(reader.whole(topic)) == sorted(found)


def test_an_empty_topic_and_none(each_broker: Broker) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.t", 3)
    with open_reader(settings(each_broker)) as reader:
        assert reader.whole(topic) == []
        assert list(reader.backwards(topic, 0)) == []
        with pytest.raises(SourceError, match=rf"\A{topic}x: there is no such topic"):
            reader.whole(f"{topic}x")


def test_what_is_written_is_read(each_broker: Broker) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.t")
    write(settings(each_broker), topic, [(b"a", b"1"), (b"b", None)])
    with open_reader(settings(each_broker)) as reader:
        assert [(record.key, record.value) for record in reader.whole(topic)] == [(b"a", b"1"), (b"b", None)]


def test_a_topic_that_does_not_exist_is_not_written(broker: Broker) -> None:
    broker.needs("idempotence")
    with pytest.raises(SourceError, match="no longer answers"):
        write(settings(broker), f"{broker.fresh_prefix()}.none", [(b"a", b"1")])


def test_aborted_records_at_the_end_are_passed(broker: Broker) -> None:
    broker.needs("transactions")
    topic = broker.create(f"{broker.fresh_prefix()}.t")
    broker.produce(topic, [b"1"], transaction="commit")
    broker.produce(topic, [b"2", b"3"], transaction="abort")
    with open_reader(settings(broker)) as reader:
        began = time.monotonic()
        assert [record.value for record in reader.whole(topic)] == [b"1"]
        assert [[record.value for record in window] for window in reader.backwards(topic, 0)] == [[b"1"]]
        assert time.monotonic() - began < 8


def test_windows_come_backwards_and_leave_nothing_out(each_broker: Broker) -> None:
    topic = each_broker.create(f"{each_broker.fresh_prefix()}.t", 2)
    number = 7 * FIRST_WINDOW
    each_broker.produce(topic, [b"%d" % one for one in range(number)], 1)
    each_broker.produce(topic, [b"x"], 0)
    with open_reader(settings(each_broker)) as reader:
        windows = list(reader.backwards(topic, 0))
    whole = [[int(record.value or b"") for record in window if record.partition == 1] for window in windows]
    if each_broker.kind != "embedded":  # whose end lies a little before the end
        assert [len(window) for window in whole] == [FIRST_WINDOW, 4 * FIRST_WINDOW, 2 * FIRST_WINDOW]
    assert len(whole) == 3
    assert [one for window in reversed(whole) for one in window] == list(range(number))
    assert sum(record.partition == 0 for window in windows for record in window) == 1


def test_windows_go_back_no_further_than_asked(broker: Broker) -> None:
    broker.needs("compaction")
    topic = broker.create(f"{broker.fresh_prefix()}.t")
    now = time.time_ns() // 1_000_000
    broker.produce(topic, [Outgoing(b"old", None, 0, now - 60_000)])
    broker.produce(topic, [Outgoing(b"new", None, 0, now)])
    with open_reader(settings(broker)) as reader:
        assert [[record.value for record in window] for window in reader.backwards(topic, now - 1000)] == [[b"new"]]
        assert list(reader.backwards(topic, now + 1000)) == []
