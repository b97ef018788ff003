"""Finds out under which address a caller knows this server, from trusted proxies and the settings.

An ASGI middleware, outside all that read a request's scheme, client or path.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.edge.addresses import Addresses, is_prefix, remember
from service.api.edge.hosts import Authority, parse_authority
from service.api.edge.proxies import Hop, TrustedProxies, hops_of

_HEADERS: Final = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-prefix")


class Forwarded:
    """Sets a request's scheme and client to what the outermost trusted proxy saw, and stores the server's addresses.

    Removes from the path the prefix under which a proxy publishes the server, where the proxy has left it there.
    """

    def __init__(
        self, app: ASGIApp, *, trusted: TrustedProxies, public: Addresses | None, own_names: Collection[str]
    ) -> None:
        """`public` is the address where callers reach the server; None where each request tells it.

        `own_names` are the first segments of the server's own paths. A prefix that begins with one of them is never
        removed, since it would be ambiguous.
        """
        self._app = app
        self._trusted = trusted
        self._public = public
        self._own_names = frozenset(own_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            addresses = self._apply(scope)
            remember(scope, addresses)
            self._remove_prefix(scope, addresses.prefix)
        await self._app(scope, receive, send)

    def _apply(self, scope: Scope) -> Addresses:
        headers = Headers(scope=scope)
        client = scope.get("client")
        hop, prefix = Hop(None), ""
        if self._trusted.trusts(client[0] if client else None):
            forwarded = {name: ", ".join(headers.getlist(name)) for name in _HEADERS if name in headers}
            hops, prefix = hops_of(forwarded), forwarded.get("x-forwarded-prefix", "").rstrip("/")
            hop = self._trusted.outermost(hops) if hops else hop
        scope["scheme"] = hop.scheme or scope["scheme"]
        if hop.peer is not None:
            scope["client"] = (hop.peer, 0)
        if self._public is not None:
            return self._public
        authority = parse_authority(hop.host or headers.get("host", "")) or _own_authority(scope)
        return Addresses(scope["scheme"], authority, prefix if is_prefix(prefix) else "")

    def _remove_prefix(self, scope: Scope, prefix: str) -> None:
        raw = prefix.encode()
        is_unambiguous = prefix and prefix.split("/")[1] not in self._own_names
        if is_unambiguous and scope["path"].startswith(f"{prefix}/") and scope["raw_path"].startswith(raw + b"/"):
            scope["path"] = scope["path"][len(prefix) :]
            scope["raw_path"] = scope["raw_path"][len(raw) :]


def _own_authority(scope: Scope) -> Authority:
    """Returns the address to which a request came that names no host, as HTTP/1.0 permits."""
    host, port = scope.get("server") or ("localhost", None)
    return Authority("localhost" if port is None else host, port)
