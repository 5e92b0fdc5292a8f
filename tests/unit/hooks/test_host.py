"""Which hosts webhooks may call, by name and by address."""

import pytest

from stream.hooks.host import host_of, is_entry, is_listed, refusal, without_query


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://deploy.example", "deploy.example"),
        ("HTTPS://Deploy.Example:8443/a/b?c=d", "deploy.example"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://[::1]:8080/a", "::1"),
        ("http://a_b.svc/", "a_b.svc"),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "deploy.example",
        "ftp://deploy.example/",
        "file:///etc/passwd",
        "https://",
        "https:///a",
        "https://me@deploy.example/",
        "https://me:password@deploy.example/",
        "https://deploy.example\\@evil.example/",
        "https://deploy.example#@evil.example/",
        "https://deploy.example/#a",
        "https://deploy.example:0/",
        "https://deploy.example:99999/",
        "https://deploy.example:80a/",
        "https://deploy.example/a b",
        "https://deploy.example/\n",
        "https://dëploy.example/",
        "https://[::1/",
        "https://deploy.example?a",
    ],
)
def test_what_is_no_plain_url(url: str) -> None:
    assert host_of(url) is None


@pytest.mark.parametrize(
    "entry", ["deploy.example", "*.example", "localhost", "10.0.0.0/8", "10.1.2.3", "::1", "fd00::/8", "a_b"]
)
def test_entries(entry: str) -> None:
    assert is_entry(entry)


@pytest.mark.parametrize(
    "entry", ["", "*", "*.", "https://deploy.example", "deploy.example:443", "a b", "*.*.example", "-a", "a..b", "a/8"]
)
def test_what_is_no_entry(entry: str) -> None:
    assert not is_entry(entry)


@pytest.mark.parametrize(
    ("host", "entries", "listed"),
    [
        ("deploy.example", ("deploy.example",), True),
        ("DEPLOY.example.", ("Deploy.Example",), True),
        ("deploy.example", (), False),
        ("deploy.example.evil", ("deploy.example",), False),
        ("xdeploy.example", ("deploy.example",), False),
        ("a.example", ("*.example",), True),
        ("a.b.example", ("*.example",), True),
        ("example", ("*.example",), False),
        ("badexample", ("*.example",), False),
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("::1", ("::1",), True),
        ("0:0:0:0:0:0:0:1", ("::1",), True),
        ("::1", ("127.0.0.1",), False),
    ],
)
def test_listed(host: str, entries: tuple[str, ...], listed: bool) -> None:
    assert is_listed(host, entries) is listed


SPECIAL = [
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:7f00:1::1",
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
]


@pytest.mark.parametrize("address", SPECIAL)
def test_addresses_that_no_name_may_lead_to(address: str) -> None:
    why = refusal(address, ("deploy.example", "*.example", "10.0.0.0/8"))
    assert why is not None
    assert why.startswith(f"{address} is ")


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "10.1.2.3", "192.168.1.1", "172.16.0.1", "fd12::1", "2606:4700::1"]
)
def test_addresses_of_receivers(address: str) -> None:
    assert refusal(address, ("deploy.example",)) is None


@pytest.mark.parametrize(
    ("address", "entries"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("127.0.0.1", ("localhost",)),
        ("::1", ("LOCALHOST",)),
        ("::1", ("::1",)),
        ("::ffff:127.0.0.1", ("127.0.0.0/8",)),
        ("169.254.169.254", ("169.254.0.0/16",)),
    ],
)
def test_special_addresses_may_be_listed(address: str, entries: tuple[str, ...]) -> None:
    assert refusal(address, entries) is None


def test_localhost_is_no_metadata_service() -> None:
    assert refusal("169.254.169.254", ("localhost",)) == "169.254.169.254 is a link-local address"


def test_a_query_is_not_shown() -> None:
    assert without_query("https://a.example/b?token=secret&c#d") == "https://a.example/b?..."
    assert without_query("https://a.example/b") == "https://a.example/b"
