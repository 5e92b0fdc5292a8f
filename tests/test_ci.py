"""Which Kafka CI gives to the broker tests, with tools of our own in the place of those beside the clone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """\
set -euo pipefail
. .ci/kafka
trap kafka_down EXIT
kafka_up >&2
env | grep ^CANARY_TEST_BROKER || true
"""
TOOL = """\
#!/bin/sh
echo {name} "$@" >>"{calls}"
case $1 in
start) mkdir "$5" ;;
stop) rmdir "$3" ;;
esac
exit {code}
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("timeout")), reason="needs bash and GNU coreutils, as CI does"
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that has nothing but .ci, in a directory that has nothing else."""
    shutil.copytree(ROOT / ".ci", tmp_path / "a clone" / ".ci")
    return tmp_path / "a clone"


def tool(clone: Path, name: str, code: int) -> None:
    """A tool beside the clone that notes how it was called. It makes the data directory and ends with `code`."""
    path = clone.parent / "shared" / "tools" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TOOL.format(name=name, calls=clone.parent / "calls", code=code))
    path.chmod(0o755)


def kafka_up(clone: Path, **given: str) -> dict[str, str]:
    """What CI sets for the tests."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("CANARY_")}
    env = {**outer, "TMPDIR": str(clone.parent), **given}
    done = subprocess.run(["bash", "-c", SCRIPT], cwd=clone, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def calls(clone: Path) -> list[str]:
    path = clone.parent / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_docker_comes_first(clone: Path) -> None:
    tool(clone, "docker.sh", 0)
    tool(clone, "broker.py", 0)
    assert kafka_up(clone) == {"CANARY_TEST_BROKER_KIND": "docker"}
    assert calls(clone) == ["docker.sh up apache/kafka:4.3.0 python:3.11-slim"]


def test_kafka_without_docker_comes_next_and_is_stopped(clone: Path) -> None:
    tool(clone, "docker.sh", 1)
    tool(clone, "broker.py", 0)
    found = kafka_up(clone)
    assert found["CANARY_TEST_BROKER_KIND"] == "given"
    host, port = found["CANARY_TEST_BROKER"].split(":")
    assert host == "127.0.0.1"
    assert 20_000 <= int(port) < 32_000
    assert found["CANARY_TEST_BROKER_TOOL"].replace("\\ ", " ") == f"{clone}/../shared/tools/broker.py"
    started, stopped = calls(clone)[1:]
    assert started.startswith(f"broker.py start --port {port} --data ")
    assert stopped == f"broker.py stop --data {found['CANARY_TEST_BROKER_DATA']}"
    assert not Path(found["CANARY_TEST_BROKER_DATA"]).parent.exists()


@pytest.mark.parametrize("there", [True, False])
def test_else_the_tests_find_a_broker(clone: Path, there: bool) -> None:
    if there:
        tool(clone, "docker.sh", 1)
        tool(clone, "broker.py", 1)
    assert kafka_up(clone) == {}


def test_a_given_broker_is_taken(clone: Path) -> None:
    tool(clone, "docker.sh", 0)
    assert kafka_up(clone, CANARY_TEST_BROKER="kafka:9092") == {"CANARY_TEST_BROKER": "kafka:9092"}
    assert kafka_up(clone, CANARY_TEST_BROKER_KIND="embedded") == {"CANARY_TEST_BROKER_KIND": "embedded"}
    assert calls(clone) == []
