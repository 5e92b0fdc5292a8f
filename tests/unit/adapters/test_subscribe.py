"""`from stream import subscribe`, as far as it goes without a broker."""

import subprocess
import sys

import pytest

import stream
from stream import subscribe
from stream.adapters.embedded_broker import free_port
from stream.adapters.settings import Settings
from stream.errors import CanaryError, PolicyError, SourceError


def test_it_loads_no_broker_client_before_it_is_called() -> None:
    code = "import sys; from stream import subscribe; print(*{'kafka', 'faust', 'aiokafka'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'stream' has no attribute 'unsubscribe'"):
        _ = stream.unsubscribe


def test_a_broker_is_looked_for_at_once() -> None:
    with pytest.raises(SourceError, match="no broker answers at"):
        subscribe(f"127.0.0.1:{free_port()}")


def test_a_given_broker_wins_over_the_settings() -> None:
    port = free_port()
    with pytest.raises(SourceError, match=rf"no broker answers at 127\.0\.0\.1:{port} "):
        subscribe(f"127.0.0.1:{port}", settings=Settings(("nowhere.invalid:9092",)))


def test_without_a_broker_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CANARY_BROKER", raising=False)
    with pytest.raises(CanaryError, match="no broker is named; set CANARY_BROKER"):
        subscribe()


@pytest.mark.parametrize("kinds", [(), ("verdict", "verdicts")])
def test_kinds_that_do_not_exist(kinds: tuple[str, ...]) -> None:
    with pytest.raises(
        PolicyError, match=r"kinds: must be some of verdict, score, alert, divergence; got (none|verdi)"
    ):
        subscribe("127.0.0.1:1", kinds=kinds)  # type: ignore[arg-type]
