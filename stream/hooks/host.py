"""Which hosts a webhook may call, and which addresses a host's name may lead to.

A name must be listed. Where it leads to an address that no receiver in the network has (the machine itself, its link
with the cloud's metadata service, groups), that address must be listed as well: a name's owner must not be able to
send our calls there.

>>> is_listed("Deploy.Example", ("deploy.example",)), is_listed("a.b.example", ("*.example",))
(True, True)
>>> refusal("169.254.169.254", ("deploy.example",))
'169.254.169.254 is a link-local address'
>>> refusal("127.0.0.1", ("127.0.0.0/8",)), refusal("10.1.2.3", ("deploy.example",))
(None, None)
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

LOCALHOST = "localhost"
METADATA = frozenset(
    map(ip_address, ("100.100.100.200", "168.63.129.16", "169.254.169.254", "192.0.0.192", "fd00:ec2::254"))
)
"""Where clouds answer what only the machine itself should ask."""
_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_URL = re.compile(
    r"https?://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(?P<path>/[!-~]*)?", re.IGNORECASE
)
_NAT64 = ip_network("64:ff9b::/96")


def is_entry(entry: str) -> bool:
    """Whether a list of hosts may have such an entry."""
    return _network(entry) is not None or (len(entry) < 254 and _NAME.fullmatch(entry.lower()) is not None)


def host_of(url: str) -> str | None:
    """The host of a URL, in small letters; None for what is no plain http URL, such as one with a password or spaces.

    >>> host_of("https://Deploy.example:8443/a?b"), host_of("https://[::1]/"), host_of("https://me:pw@deploy.example")
    ('deploy.example', '::1', None)
    """
    match = _URL.fullmatch(url)
    if match is None or not 0 < int(match["port"] or 80) < 65_536 or "#" in (match["path"] or ""):
        return None
    return match["host"].strip("[]").lower()


def without_query(url: str) -> str:
    """A URL as the audit may show it: its query may hold secrets."""
    head, mark, _ = url.partition("?")
    return f"{head}{mark and '?...'}"


def is_listed(host: str, entries: Iterable[str]) -> bool:
    """Whether a host is among the entries of a list."""
    name, address = host.lower().removesuffix("."), _address(host)
    for entry in (entry.lower() for entry in entries):
        network = _network(entry)
        if address is not None:
            if network is not None and address in network:
                return True
        elif name == entry or (entry.startswith("*.") and name.endswith(entry[1:])):
            return True
    return False


def refusal(address: str, entries: Iterable[str]) -> str | None:
    """Why no webhook may connect to an address; None where it may, and for a name that is none.

    Args:
        address: what a listed host's name was found to mean.
        entries: the list of hosts.
    """
    listed = [entry.lower() for entry in entries]
    found = _address(address)
    for one in _meanings(found) if found is not None else ():
        kind = _special(one)
        if kind is None or is_listed(str(one), listed) or (one.is_loopback and LOCALHOST in listed):
            continue
        return f"{address} is {kind}"
    return None


def is_local(host: str) -> bool:
    """Whether a host is the machine itself."""
    address = _address(host)
    return host == LOCALHOST or (address is not None and address.is_loopback)


def _special(address: Address) -> str | None:
    if address.is_loopback:
        return "a loopback address"
    if address.is_link_local:
        return "a link-local address"
    if address in METADATA:
        return "a cloud's metadata address"
    if address.is_unspecified or (isinstance(address, IPv4Address) and address in IPv4Network("0.0.0.0/8")):
        return "no address of a host"
    if address.is_multicast or address == IPv4Address("255.255.255.255"):
        return "an address of a group"
    if isinstance(address, IPv4Address) and address.is_reserved:
        return "a reserved address"
    return None


def _meanings(address: Address) -> list[Address]:
    """An address, and the one of version 4 that it carries within."""
    inner: list[IPv4Address | None] = []
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):  # ::a.b.c.d is out of use, but routed
            inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(one for one in inner if one is not None)]


def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry)
    except ValueError:
        return None
