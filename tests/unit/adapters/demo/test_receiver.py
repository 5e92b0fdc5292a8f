"""The receiver of the demo's webhooks: it obeys what is signed and meant for it, once."""

import http.client
import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from stream.adapters.demo.receiver import LARGEST, Receiver
from stream.errors import CanaryError

SECRET = f"whsec_{b64encode(b'0123456789abcdef0123456789abcdef').decode()}"


class Deployment:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def roll_back(self) -> None:
        self.told.append("rollback")

    def promote(self) -> None:
        self.told.append("promote")


@pytest.fixture
def deployment() -> Deployment:
    return Deployment()


@pytest.fixture
def receiver(deployment: Deployment) -> Iterator[Receiver]:
    with Receiver(secret=SECRET) as found:
        found.obey("shop-1", deployment)
        yield found


def call(
    receiver: Receiver,
    path: str = "/rollback",
    *,
    rollout: str = "shop-1",
    identity: str = "shop-1/7/rollback",
    secret: str | None = SECRET,
    body: bytes | None = None,
) -> tuple[int, str]:
    """Call it as a hook does: status and answer."""
    data = json.dumps({"type": "canary.verdict.abort", "data": {"rollout": rollout}}).encode() if body is None else body
    now = datetime.now(UTC)
    headers = {"webhook-id": identity, "webhook-timestamp": str(int(now.timestamp()))}
    if secret is not None:
        headers["webhook-signature"] = Webhook(secret).sign(identity, now, data.decode())
    host, _, port = receiver.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("POST", path, data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_does_what_it_is_told(receiver: Receiver, deployment: Deployment) -> None:
    assert call(receiver) == (200, "done")
    assert call(receiver, "/promote", identity="shop-1/8/promote") == (200, "done")
    assert deployment.told == ["rollback", "promote"]
    assert [(one.order, one.signed) for one in receiver.received.values()] == [("rollback", True), ("promote", True)]


def test_a_repeat_is_answered_and_not_done_again(receiver: Receiver, deployment: Deployment) -> None:
    assert [call(receiver)[0] for _ in range(3)] == [200, 200, 200]
    assert deployment.told == ["rollback"]


def test_the_next_rollout_begins_anew(receiver: Receiver, deployment: Deployment) -> None:
    assert call(receiver) == (200, "done")
    receiver.obey("shop-2", deployment)
    assert not receiver.received
    assert call(receiver) == (200, "done before"), "a late repeat is no failure"
    assert call(receiver, identity="shop-1/9/rollback")[0] == 409
    assert call(receiver, rollout="shop-2", identity="shop-2/7/rollback") == (200, "done")
    assert deployment.told == ["rollback", "rollback"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"secret": None}, 401),
        ({"secret": f"whsec_{b64encode(b'x' * 32).decode()}"}, 401),
        ({"rollout": "other-1"}, 409),
        ({"path": "/delete"}, 404),
        ({"body": b"[]"}, 400),
        ({"body": b"not json"}, 400),
        ({"body": b"x" * (LARGEST + 1)}, 413),
    ],
)
def test_it_turns_away_what_is_not_for_it(
    receiver: Receiver, deployment: Deployment, given: dict[str, object], status: int
) -> None:
    assert call(receiver, **given)[0] == status  # type: ignore[arg-type]  # a table of keywords
    assert deployment.told == []
    assert not receiver.received


def test_before_a_rollout_begins_nothing_is_obeyed() -> None:
    with Receiver() as receiver:
        assert call(receiver, secret=None)[0] == 409


def test_without_a_secret_it_takes_all(deployment: Deployment) -> None:
    with Receiver() as receiver:
        receiver.obey("shop-1", deployment)
        assert call(receiver, secret=None) == (200, "done")
        (one,) = receiver.received.values()
    assert not one.signed


def test_a_port_in_use() -> None:
    with Receiver() as receiver:
        port = int(receiver.address.rpartition(":")[2])
        with pytest.raises(CanaryError, match=f"127.0.0.1:{port}: cannot listen there: Address already in use"):
            Receiver(port=port)
