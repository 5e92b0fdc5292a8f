"""Webhooks against a real server on loopback: what is sent, what comes of answers, and where none is called."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from stream.adapters.hooks.call import Call
from stream.adapters.hooks.guard import Forbidden, Guard, check_host
from stream.adapters.hooks.webhook import Webhook
from stream.errors import CanaryError
from stream.hooks.outcome import Outcome
from tests.hook_helpers import LOCAL, SECRET, Receiver, always, hooks_file, now_ms, secret_file, verdict

OTHER = "whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC1vdGhlci0="


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def webhook(url: str, directory: Path = Path(), **fields: Any) -> Webhook:
    hosts = fields.pop("allow_hosts", [LOCAL])
    file = hooks_file({"name": "revert", "url": url, **fields}, allow_hosts=hosts)
    return Webhook(file.hooks[0], file, directory)


def fired(hook: Webhook, call: Call | None = None) -> Outcome:
    async def fire() -> Outcome:
        try:
            return await hook.fire(call or Call("canary.verdict.abort", verdict(), now_ms()))
        finally:
            await hook.close()

    return asyncio.run(fire())


def test_what_is_sent(receiver: Receiver, tmp_path: Path) -> None:
    secret_file(tmp_path)
    hook = webhook(f"{receiver.url}/revert?token=t", tmp_path, secret_file="secret")
    assert fired(hook) == Outcome(True, "The receiver took it (200).", 200)
    (call,) = receiver.calls
    assert call.path == "/revert?token=t"
    assert call.id == "shop-1/7/revert"
    assert call.headers["content-type"] == "application/json"
    assert call.headers["user-agent"].startswith("canary/")
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 10
    found = Verifier(SECRET).verify(call.body, call.headers)
    assert (found["type"], found["data"]["verdict"]) == ("canary.verdict.abort", "abort")
    with pytest.raises(WebhookVerificationError):
        Verifier(OTHER).verify(call.body, call.headers)
    assert hook.target == f"{receiver.url}/revert?..."


def test_a_rollout_of_any_name_can_be_verified(receiver: Receiver, tmp_path: Path) -> None:
    hook = webhook(receiver.url, secret_file=secret_file(tmp_path))
    odd = Call("canary.verdict.abort", verdict("größe-2.4.1%", text="größer als 5 % – ✗"), now_ms())
    assert fired(hook, odd).succeeded
    (call,) = receiver.calls
    assert call.id == "gr%C3%B6%C3%9Fe-2%2E4%2E1%25/7/revert"
    assert Verifier(SECRET).verify(call.body, call.headers)["data"]["text"] == "größer als 5 % – ✗"


def test_a_repeat_has_the_same_id_and_body(receiver: Receiver) -> None:
    said = verdict()
    for later in (0, 7_000):
        fired(webhook(receiver.url), Call("canary.verdict.abort", said, now_ms() + later))
    one, other = receiver.calls
    assert (one.id, one.body) == (other.id, other.body)
    assert one.headers["webhook-timestamp"] != other.headers["webhook-timestamp"]


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    fired(webhook(receiver.url))
    assert "webhook-signature" not in receiver.calls[0].headers


def test_two_secrets_are_two_signatures_and_a_new_one_holds_at_once(receiver: Receiver, tmp_path: Path) -> None:
    path = secret_file(tmp_path, f"{SECRET}\n{OTHER}")
    hook = webhook(receiver.url, secret_file=path)
    fired(hook)
    secret_file(tmp_path, OTHER)
    fired(hook)
    both, new = receiver.calls
    for secret in (SECRET, OTHER):
        assert Verifier(secret).verify(both.body, both.headers)
    assert len(new.headers["webhook-signature"].split()) == 1
    assert Verifier(OTHER).verify(new.body, new.headers)


@pytest.mark.parametrize("text", ["whsec_c2hvcnQ=", SECRET.removeprefix("whsec_"), "whsec_***", "whsec_" + "A" * 200])
def test_a_wrong_secret_is_told_without_being_shown(text: str, tmp_path: Path) -> None:
    path = secret_file(tmp_path, text)
    with pytest.raises(CanaryError) as caught:
        webhook("http://127.0.0.1/", secret_file=path)
    assert str(caught.value).startswith(f'secret_file of hook "revert": {path} does not hold a secret')
    assert text.removeprefix("whsec_") not in str(caught.value)


def test_a_secret_that_is_gone_by_the_time_of_the_call_is_no_reason_to_send_unsigned(
    receiver: Receiver, tmp_path: Path
) -> None:
    path = secret_file(tmp_path)
    hook = webhook(receiver.url, secret_file=path)
    Path(path).unlink()
    outcome = fired(hook)
    assert (outcome.succeeded, outcome.passing) == (False, True)
    assert outcome.text.startswith(f'Not sent: secret_file of hook "revert": {path} cannot be read')
    assert receiver.calls == []


def test_what_a_receiver_asks_to_wait(receiver: Receiver) -> None:
    receiver.answer = always(429, retry_after="3")
    assert fired(webhook(receiver.url)) == Outcome(
        False, "The receiver answered 429 and asks to wait 3 seconds.", 429, passing=True, wait_ms=3_000
    )
    receiver.answer = always(503, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True))
    assert 15_000 < fired(webhook(receiver.url)).wait_ms <= 20_000
    for odd in ("soon", "-5", "", "Thu, 99 Foo 2024"):
        receiver.answer = always(503, retry_after=odd)
        assert fired(webhook(receiver.url)).wait_ms == 0


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answer = always(307, location=f"{receiver.url}/elsewhere")
    outcome = fired(webhook(f"{receiver.url}/here"))
    assert (outcome.refused, outcome.status) == (True, 307)
    assert [call.path for call in receiver.calls] == ["/here"]


def test_a_slow_receiver(receiver: Receiver) -> None:
    def slow(_: object) -> tuple[int, dict[str, str]]:
        time.sleep(1.0)
        return 200, {}

    receiver.answer = slow
    began = time.monotonic()
    outcome = fired(webhook(receiver.url, timeout="200ms"))
    assert outcome == Outcome(False, "No answer within 200ms.", passing=True)
    assert time.monotonic() - began < 0.9


def test_nobody_there() -> None:
    with Receiver() as gone:
        url = gone.url
    outcome = fired(webhook(url))
    assert outcome == Outcome(False, "Not delivered: no connection (connection refused).", passing=True)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 ", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\nA" * 9000])
def test_what_is_no_http(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")
        writer.write(answer)
        writer.close()

    async def both() -> Outcome:
        async with await asyncio.start_server(talk, LOCAL, 0) as server:
            hook = webhook(f"http://{LOCAL}:{server.sockets[0].getsockname()[1]}/?token=hidden")
            outcome = await hook.fire(Call("canary.test", verdict(), now_ms()))
            await hook.close()
            return outcome

    outcome = asyncio.run(both())
    assert outcome.passing
    assert outcome.text.startswith("Not delivered: ")
    assert "hidden" not in outcome.text


def test_no_tls_there(receiver: Receiver) -> None:
    outcome = fired(webhook(receiver.url.replace("http:", "https:")))
    assert (outcome.passing, receiver.calls) == (True, [])


def test_a_verdict_that_fits_nowhere_is_refused(receiver: Receiver) -> None:
    outcome = fired(webhook(receiver.url), Call("canary.verdict.abort", verdict(rule="x" * 30_000), now_ms()))
    assert outcome.refused
    assert "a body has at most 20000" in outcome.text
    assert receiver.calls == []


class Names:
    """A resolver that knows what the test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked = addresses, 0

    async def resolve(self, host: str, port: int, family: Any) -> list[dict[str, Any]]:  # noqa: ARG002  # aiohttp's
        self.asked += 1
        address = self.addresses[min(self.asked, len(self.addresses)) - 1]
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in address.split(",")
        ]

    async def close(self) -> None:
        """Nothing to close."""


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> Names:
    """Let each name mean these addresses, at the first question the first, and so on."""
    names = Names(*addresses)
    monkeypatch.setattr("stream.adapters.hooks.guard.ThreadedResolver", lambda: names)
    return names


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "10.1.2.3,127.0.0.1"])
def test_a_listed_name_that_leads_to_the_machine_itself_is_refused_before_any_connection(
    address: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads_to(monkeypatch, address)
    outcome = fired(webhook(f"http://deploy.example:{receiver.port}/", allow_hosts=["deploy.example"]))
    assert outcome.refused
    assert outcome.text.startswith("Host deploy.example: ")
    assert outcome.text.endswith("which must be in the list of hosts itself.")
    assert receiver.calls == []


def test_the_address_that_was_looked_at_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = leads_to(monkeypatch, LOCAL, "203.0.113.1")
    hook = webhook(f"http://deploy.example:{receiver.port}/", allow_hosts=["deploy.example", LOCAL])
    assert fired(hook).succeeded
    assert names.asked == 1
    assert receiver.calls[0].headers["host"] == f"deploy.example:{receiver.port}"


def test_each_call_asks_again(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    leads_to(monkeypatch, LOCAL, "169.254.169.254")
    hook = webhook(f"http://deploy.example:{receiver.port}/", allow_hosts=["deploy.example", LOCAL])

    async def twice() -> list[Outcome]:
        found = [await hook.fire(Call("canary.test", verdict(), now_ms())) for _ in range(2)]
        await hook.close()
        return found

    first, second = asyncio.run(twice())
    assert first.succeeded
    assert second.refused
    assert len(receiver.calls) == 1


def test_an_unknown_name() -> None:
    outcome = fired(webhook("http://nobody.invalid/", allow_hosts=["nobody.invalid"]))
    assert outcome == Outcome(False, "Not delivered: the host's name is not known.", passing=True)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "017700000001", "0"])
def test_other_ways_to_write_the_machine_itself(host: str, receiver: Receiver) -> None:
    assert fired(webhook(f"http://{host}:{receiver.port}/", allow_hosts=[host])).refused
    assert receiver.calls == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "169.254.169.254", "10.1.2.3"]
)
def test_an_address_must_be_listed_itself(host: str) -> None:
    with pytest.raises(Forbidden, match=f"^host {host} is not allowed$"):
        check_host(host, ("deploy.example", "*.example", "localhost"))
    check_host(host, (host, "127.0.0.1"))


def test_a_network_that_is_listed_lets_no_special_address_of_another_one_in() -> None:
    with pytest.raises(Forbidden, match=r"^64:ff9b::7f00:1 is a loopback address, which must be in the list"):
        check_host("64:ff9b::7f00:1", ("64:ff9b::/96",))


def test_the_guard_refuses_hosts_that_are_not_listed_without_asking_who_they_are() -> None:
    async def ask() -> None:
        guard = Guard(("deploy.example",))
        with pytest.raises(Forbidden, match=r"^host evil\.example is not allowed$"):
            await guard.resolve("evil.example", 80)
        await guard.close()

    asyncio.run(ask())


def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert fired(webhook(receiver.url)).succeeded
        assert proxy.calls == []


def test_no_connection_outlives_its_call(receiver: Receiver) -> None:
    fired(webhook(receiver.url))
    assert receiver.calls[0].headers["connection"] == "close"
