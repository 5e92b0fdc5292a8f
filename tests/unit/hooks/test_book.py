"""What is on record: attempts once each, and the newest switch."""

from msgspec.structs import replace

from stream.hooks.book import KEPT_MS, Book
from stream.hooks.outcome import of_status
from stream.hooks.rule import HookRule
from stream.hooks.step import Attempted, conclude
from stream.outputs import Action, Switch
from stream.wire import encode_json

CALL = Attempted("shop-1/7", "shop-1", HookRule("revert", "webhook"), "https://deploy.example/")


def action(attempt: int = 1, status: int = 503, began: int = 1_000) -> Action:
    return conclude(CALL, attempt, began, began + 5, of_status(status), [])


def thrown(stopped: bool, offset: int, reason: str = "") -> tuple[bytes, int, int]:
    return encode_json(Switch(stopped, 5, "eve", reason)), 5, offset


def test_attempts_are_read_once() -> None:
    book = Book()
    for _ in range(2):
        assert book.read(encode_json(action()), 0, 0)
        assert book.read(encode_json(action(2)), 0, 1)
    assert book.attempts("shop-1/7", "revert") == [action(), action(2)]
    assert book.attempts("shop-1/7", "page") == []
    assert book.attempts("shop-1/8", "revert") == []


def test_a_success_stays_one() -> None:
    book = Book()
    book.take(action(status=200))
    book.take(action(status=503))
    assert [one.outcome for one in book.attempts("shop-1/7", "revert")] == ["succeeded"]


def test_what_is_none_of_ours_is_passed_over() -> None:
    book = Book()
    for value in (None, b"", b"\xff", b"{}", b"[]", b'{"type":"action"}', b'{"type":"verdict"}', b'{"type":"switch"}'):
        assert not book.read(value, 0, 0)
    assert book.stopped is None


def test_the_newest_switch_holds_whatever_is_read_again() -> None:
    book = Book()
    assert book.stopped is None
    book.read(*thrown(True, 3, "Too many aborts"))
    assert book.stopped == "hooks are stopped by eve: Too many aborts"
    book.read(*thrown(False, 4))
    assert book.stopped is None
    book.read(*thrown(True, 3))
    assert book.stopped is None, "an older record came again"
    book.read(*thrown(True, 5))
    assert book.stopped == "hooks are stopped by eve"


def test_old_attempts_are_let_go_of() -> None:
    book = Book()
    book.take(action())
    later = replace(action(began=1_000 + KEPT_MS), verdict="shop-2/1")
    book.take(later)
    assert book.attempts("shop-1/7", "revert") == []
    assert book.attempts("shop-2/1", "revert") == [later]
