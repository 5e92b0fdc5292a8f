"""What the keys do."""

import pytest

from stream.adapters.terminal.navigation import Navigation

IDS = ["a-1", "b-1", "c-2"]


def pressed(navigation: Navigation, keys: str, ids: list[str] | None = None) -> Navigation:
    """After keys with blanks between."""
    for key in keys.split():
        chosen = navigation.chosen(IDS if ids is None else ids)
        navigation.settle(chosen)
        navigation.press(key, chosen)
    navigation.settle(navigation.chosen(IDS if ids is None else ids))
    return navigation


@pytest.mark.parametrize(
    ("keys", "page", "selected"),
    [
        ("", "rollouts", "a-1"),
        ("j", "rollouts", "b-1"),
        ("down down down", "rollouts", "c-2"),
        ("j up k", "rollouts", "a-1"),
        ("j enter", "rollout", "b-1"),
        ("e", "explain", "a-1"),
        ("i", "instances", "a-1"),
        ("enter e", "explain", "a-1"),
        ("enter e i", "instances", "a-1"),
        ("enter i b", "rollout", "a-1"),
        ("j enter i b b", "rollouts", "b-1"),
        ("enter escape", "rollouts", "a-1"),
        ("enter left", "rollouts", "a-1"),
        ("x ? b", "rollouts", "a-1"),
        ("/ 2 enter", "rollouts", "c-2"),
        ("/ 2 enter enter", "rollout", "c-2"),
        ("/ 2 escape", "rollouts", "c-2"),
        ("/ q enter", "rollouts", None),
        ("/ x backspace backspace b enter", "rollouts", "b-1"),
        ("/ b enter escape k", "rollouts", "a-1"),
    ],
)
def test_keys_lead_to_pages(keys: str, page: str, selected: str | None) -> None:
    found = pressed(Navigation(), keys)
    assert (found.page, found.selected) == (page, selected)


def test_the_selection_follows_the_rollout() -> None:
    navigation = pressed(Navigation(), "j")
    assert pressed(navigation, "", ["b-1", "a-1"]).selected == "b-1"
    assert pressed(navigation, "", ["x-1"]).selected == "x-1"
    assert pressed(navigation, "", []).selected is None
    assert pressed(navigation, "enter j e i", []).page == "rollouts"


def test_only_q_quits() -> None:
    for page in ("rollouts", "rollout", "explain", "instances"):
        assert Navigation(page, "a-1").press("q", IDS) == "quit"
        assert Navigation(page, "a-1").press("x", IDS) == "nothing"
    assert Navigation(typing=True).press("q", IDS) == "redraw"
    assert Navigation(typing=True).press("up", IDS) == "nothing"


def test_with_one_rollout_there_is_no_list() -> None:
    navigation = Navigation("rollout", "a-1", only=True)
    assert "b back" not in navigation.hint
    assert pressed(navigation, "b escape").page == "rollout"
    assert "b back" in pressed(navigation, "e").hint
    assert pressed(navigation, "b").page == "rollout"


def test_a_page_is_scrolled_and_left_at_its_top() -> None:
    navigation = pressed(Navigation("explain", "a-1"), "j j j k")
    assert navigation.offset == 2
    assert pressed(navigation, "k k k k").offset == 0
    assert pressed(navigation, "j i").offset == 0


def test_the_hint_names_the_filter() -> None:
    assert pressed(Navigation(), "/ b").hint == "/b   enter keep   escape all"
    assert "only b, escape all" in pressed(Navigation(), "/ b enter").hint
    assert Navigation().hint == "enter one rollout   / filter   e explain   q quit"
