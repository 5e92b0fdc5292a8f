"""Keys by name; no keys where nobody types."""

import pytest

from stream.adapters.terminal.keys import Keys, named


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("", []),
        ("jk", ["j", "k"]),
        ("\r\n", ["enter", "enter"]),
        ("\x1b", ["escape"]),
        ("\x1b[A\x1b[B\x1bOA\x1bOB", ["up", "down", "up", "down"]),
        ("\x1b[D\x7f\x08", ["left", "backspace", "backspace"]),
        ("\x1b[15~", []),
        ("a\x1b[3~", ["a"]),
        ("é", ["é"]),
    ],
)
def test_keys_have_names(typed: str, keys: list[str]) -> None:
    assert named(typed) == keys


def test_there_are_none_without_a_terminal() -> None:
    with Keys() as keys:  # pytest reads nothing from the terminal
        assert not keys.there
        assert keys.wait(0.01) == []
