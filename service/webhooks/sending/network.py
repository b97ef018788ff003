"""Connects to hosts whose every address is public, under the eyes of the check: a name is resolved once, here.

The HTTP client above still knows the host by its name, for the Host header and the certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeAlias

from httpcore2 import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

from service.webhooks.sending.addresses import is_public

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host. Raises OSError where it has none."""

_MAX_ASKING: Final = 128
"""A name server that does not answer keeps a thread for longer than a request may take."""
_MAX_ADDRESSES: Final = 4
_ADDRESS_S: Final = 5.0
"""Seconds after which the next address of a host is tried."""


class ForbiddenAddressError(Exception):
    """The host has an address that is not public."""


class SystemResolver:
    """Asks the system's resolver, each time in a thread of its own: a slow name server holds up nobody else's.

    The threads are daemons, so that the process can end while one waits. All methods belong to one event loop.
    """

    def __init__(self, ask: Callable[[str, int], Sequence[str]] | None = None) -> None:
        """`ask` may block."""
        self._ask = ask or _addresses
        self._asking = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Raises OSError where the host has no address, or too many questions are open."""
        if self._asking >= _MAX_ASKING:
            raise OSError("too many names are being resolved")
        answer: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        self._asking += 1
        threading.Thread(target=self._find, args=(host, port, answer), name="resolver", daemon=True).start()
        return await answer

    def _find(self, host: str, port: int, answer: asyncio.Future[Sequence[str]]) -> None:
        found: Sequence[str] | OSError
        try:
            found = self._ask(host, port)
        except OSError as error:
            found = error
        with contextlib.suppress(RuntimeError):  # The event loop has ended, and nobody waits.
            answer.get_loop().call_soon_threadsafe(self._tell, answer, found)

    def _tell(self, answer: asyncio.Future[Sequence[str]], found: Sequence[str] | OSError) -> None:
        self._asking -= 1
        if answer.done():
            return  # Who asked has given up.
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedNetwork(AsyncNetworkBackend):
    """Connects for httpcore."""

    def __init__(self, resolve: Resolve, *, may_be_inner: bool, network: AsyncNetworkBackend | None = None) -> None:
        """`may_be_inner` lifts the check. `network` makes the connections to addresses."""
        self._resolve = resolve
        self._may_be_inner = may_be_inner
        self._network = network or AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 -- httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Raises `ForbiddenAddressError`, OSError where the name has no address, and httpcore's errors."""
        addresses = await self._resolve(host, port)
        if not self._may_be_inner and not all(map(_is_public, addresses)):
            raise ForbiddenAddressError
        failure: Exception = ConnectError()
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                return await self._network.connect_tcp(address, port, _ADDRESS_S, local_address, socket_options)
            except (ConnectError, ConnectTimeout) as error:
                failure = error
        raise failure


def _is_public(text: str) -> bool:
    """Whether a resolved address is public. One with a zone, as link-local ones have, is not."""
    try:
        return is_public(ipaddress.ip_address(text))
    except ValueError:
        return False
