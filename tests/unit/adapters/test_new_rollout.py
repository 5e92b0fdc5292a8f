"""A rollout file made ready to start: its id and its first pane."""

import re
from pathlib import Path

import pytest

from stream.adapters.new_rollout import new_rollout
from stream.errors import PolicyError
from stream.quantity import Instant, parse_instant

NOW = parse_instant("2026-11-25T21:30:00Z").ms


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rollout.yaml"
    path.write_text("app: checkout\nmetrics: [latency]\n")
    return path


def start_of(path: Path, now: int = NOW, from_: str | None = None) -> str:
    return str(new_rollout(str(path), now, from_=parse_instant(from_) if from_ else None).from_)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (NOW, "2026-11-25T21:30:10Z"),
        (NOW + 1, "2026-11-25T21:30:20Z"),
        (NOW + 9_999, "2026-11-25T21:30:20Z"),
        (NOW + 10_000, "2026-11-25T21:30:20Z"),
    ],
)
def test_it_starts_with_the_first_pane_that_is_ten_seconds_ahead(file: Path, now: int, start: str) -> None:
    assert start_of(file, now) == start


def test_panes_are_counted_from_1970(file: Path) -> None:
    file.write_text("app: checkout\nmetrics: [latency]\npane: 7s\ndeadline: 1h\n")
    start = parse_instant(start_of(file)).ms
    assert start % 7_000 == 0
    assert NOW + 10_000 <= start < NOW + 17_000


@pytest.mark.parametrize(
    ("from_", "start"),
    [
        ("2026-11-25T21:30:00Z", "2026-11-25T21:30:00Z"),
        ("2026-11-25T20:00:00.001Z", "2026-11-25T20:00:10Z"),
        ("2027-01-01T00:00:09Z", "2027-01-01T00:00:10Z"),
    ],
)
def test_a_given_start_may_lie_anywhere_and_moves_to_the_next_pane(file: Path, from_: str, start: str) -> None:
    assert start_of(file, from_=from_) == start


def test_the_files_own_start_holds_unless_another_is_given(file: Path) -> None:
    file.write_text("app: checkout\nmetrics: [latency]\nfrom: 2026-11-25T22:00:00Z\n")
    assert start_of(file) == "2026-11-25T22:00:00Z"
    assert start_of(file, from_="2026-11-25T23:00:00Z") == "2026-11-25T23:00:00Z"


def test_an_id_is_made_of_the_app_and_the_time(file: Path) -> None:
    assert new_rollout(str(file), NOW).id == "checkout-20261125-213000"
    file.write_text("app: 'my app/v2'\nmetrics: [latency]\ncanary: {version: '2'}\nbaseline: {version: '1'}\n")
    assert new_rollout(str(file), NOW).id == "my-app-v2-20261125-213000"
    file.write_text(f"app: {'x' * 250}\nmetrics: [latency]\n")
    assert re.fullmatch(r"x{184}-20261125-213000", new_rollout(str(file), NOW).id)


def test_a_given_id_wins_over_the_files(file: Path) -> None:
    file.write_text("id: mine\napp: checkout\nmetrics: [latency]\n")
    assert new_rollout(str(file), NOW).id == "mine"
    assert new_rollout(str(file), NOW, id_="other").id == "other"


def test_an_end(file: Path) -> None:
    assert new_rollout(str(file), NOW, until=Instant(NOW + 60_000)).until == Instant(NOW + 60_000)
    file.write_text("app: checkout\nmetrics: [latency]\nuntil: 2026-11-25T22:00:00Z\n")
    assert str(new_rollout(str(file), NOW).until) == "2026-11-25T22:00:00Z"
    assert new_rollout(str(file), NOW, until=Instant(NOW + 60_000)).until == Instant(NOW + 60_000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "app: checkout\nmetrics: [latency]\nuntil: 2026-11-25T21:30:10Z\n",
            "until: must be after `from` (2026-11-25T",
        ),
        ("app: checkout\nmetrics: [latency]\nfrom: 2026-11-25T22:00:03Z\n", "from: must be the start of a 10s pane"),
        ("metrics: [latency]\n", "app: "),
        ("app: 7\nmetrics: [latency]\n", "app: "),
        ("app: checkout\nmetrics: [latency]\nid: a b\n", "id: must be text without white space"),
    ],
)
def test_what_is_wrong(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(PolicyError) as caught:
        new_rollout(str(file), NOW)
    assert str(caught.value).startswith(f"{file}: {words}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nothing\.yaml: no such file"):
        new_rollout(str(tmp_path / "nothing.yaml"), NOW)
