"""Signals that end a process let `finally` do its work first."""

import os
import signal

import pytest

from stream.adapters.signals import ends_orderly


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_they_become_exceptions(number: signal.Signals) -> None:
    before, done = signal.getsignal(number), list[bool]()

    def wait() -> None:
        with ends_orderly():
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            finally:
                done.append(True)

    with pytest.raises(SystemExit) as caught:
        wait()
    assert (done, caught.value.code) == ([True], 128 + number)
    assert signal.getsignal(number) == before


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ends_orderly():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
