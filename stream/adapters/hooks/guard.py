"""A resolver of names for webhooks: the addresses that it lets through are those that are connected to."""

import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from stream.hooks.host import is_listed, refusal


class Forbidden(Exception):
    """A host or an address that a webhook may not call; the text says which and why."""


def check_host(host: str, hosts: tuple[str, ...]) -> None:
    """Look at the host of a URL, before anything is resolved.

    Args:
        host: as aiohttp reads it.
        hosts: the list of hosts.

    Raises:
        Forbidden: it is not listed, or is an address that needs to be.
    """
    if not is_listed(host, hosts):
        raise Forbidden(f"host {host} is not allowed")
    if (why := refusal(host, hosts)) is not None:
        raise Forbidden(f"{why}, which must be in the list of hosts itself")


class Guard(AbstractResolver):
    """Resolves names, and refuses those that lead where no webhook may call.

    aiohttp connects to what it is given here and resolves nothing a second time; hosts that are addresses already it
    does not ask about, so `check_host` must be asked before.

    Args:
        hosts: the list of hosts.
    """

    def __init__(self, hosts: tuple[str, ...]) -> None:
        self._hosts = hosts
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            Forbidden: the host is not allowed, or one of its addresses is not.
            OSError: there are none.
        """
        check_host(host, self._hosts)
        found = await self._inner.resolve(host, port, family)
        for one in found:
            if (why := refusal(one["host"], self._hosts)) is not None:
                raise Forbidden(f"host {host}: {why}, which must be in the list of hosts itself")
        return found

    async def close(self) -> None:
        """Let go of the inner resolver."""
        await self._inner.close()
