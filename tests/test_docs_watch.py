"""The pages on `canary watch` and the demo keep their word."""

import re

import pytest
from typer.testing import CliRunner

from stream.adapters.demo.scene import SCENES
from stream.adapters.kafka.news import PAUSES
from stream.adapters.terminal.board import KEPT_MS
from stream.adapters.terminal.glyph import STATES
from stream.adapters.terminal.navigation import BACK, DOWN, UP, Navigation
from stream.adapters.terminal.ticker import HELD
from tests.page_helpers import blocks, page, prose, table, word
from tests.terminal_helpers import PAGES, WIDTHS
from topologies.command import app

WATCH, DEMO = "docs/watch.md", "docs/demo.md"


def help_of(command: str) -> str:
    """What `--help` prints, in one line."""
    return " ".join(CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output.split())


def test_the_states_are_all() -> None:
    found = {row[1]: word(row[0]) for row in table(WATCH, "glyph")}
    assert found == {name: glyph for glyph, _, name, _ in STATES.values()}
    assert list(found) == [name for _, _, name, _ in STATES.values()], "in the order of the list"
    letters = re.findall(r"`(x [^`]+)`", prose(page(WATCH)))
    assert letters == [" ".join(letter for _, letter, _, _ in STATES.values())]


def test_the_list_is_shown_as_it_is_drawn() -> None:
    shown = blocks(page(WATCH), "text")[0].text
    drawn = (PAGES / "100.txt").read_text(encoding="utf-8")
    rows = [line.split()[1:3] for line in drawn.splitlines()[4:11]]
    assert [line.split()[1:3] for line in shown.splitlines()[3:10]] == rows
    assert 60 in WIDTHS


@pytest.mark.parametrize("row", table(WATCH, "key"), ids=lambda row: row[0])
def test_the_keys_do_something(row: list[str]) -> None:
    names = {"arrows": "down", "enter": "enter", "escape": "escape"}
    for key in re.findall(r"`([^`]+)`", row[0]):
        in_list, on_page = Navigation(selected="b"), Navigation("explain", "b", offset=1)
        if key in BACK:
            in_list.filter = "a"
        told = [one.press(names.get(key, key), ["a", "b", "c"]) for one in (in_list, on_page)]
        expected = [bool(cell) for cell in row[1:]]
        if key == "b":
            expected[0] = False  # only `escape` takes the filter away: ids may have a `b`
        if key == "e":
            expected[1] = False  # it is there already
        assert [one != "nothing" for one in told] == expected, key
    assert {"j", "k"} <= {*UP, *DOWN}


def test_numbers_of_the_page_on_watching() -> None:
    text = " ".join(page(WATCH).split())
    assert KEPT_MS == 7 * 86_400_000
    assert "stays for seven days" in text
    assert HELD == 3
    assert "stays so for three panes" in text
    assert "after 1, 2, 4, 8 and then every 15 s" in text
    assert PAUSES == (1, 2, 4, 8, 15)


def test_the_faults_of_the_demo_are_all() -> None:
    rows = {
        re.sub(r"`(--fault )?(--)?([a-z-]+)`", r"\3", row[0]): row[2] for row in table(DEMO, "option", "Other endings")
    }
    wanted = {("healthy" if fault == "none" else fault): scene.verdict for fault, scene in SCENES.items()}
    assert rows.keys() == wanted.keys()
    for fault, ending in rows.items():
        assert wanted[fault] in ending


@pytest.mark.parametrize(("name", "command"), [(WATCH, "watch"), (DEMO, "demo")])
def test_options_are_there(name: str, command: str) -> None:
    stated = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", page(name))) - {"--wait"}
    known = help_of(command)
    assert stated
    assert [option for option in sorted(stated) if f"{option} " not in f"{known} "] == []
