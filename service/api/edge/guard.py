"""Refuses requests that name a host which is not this server's, or that another site's page sends.

An ASGI middleware. docs/api.md says what it means to callers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.edge.addresses import addresses_of
from service.api.edge.hosts import AllowedHosts, Authority, parse_authority
from service.api.edge.origins import SAFE_METHODS, is_named_origin, is_own_origin
from service.errors import DarkroomError, ForbiddenError, InvalidRequestError, MisdirectedRequestError

_FIRST_WITH_HOST: Final = "1.1"
"""The HTTP version from which on every request must have a Host header."""


class EdgeGuard:
    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: AllowedHosts,
        refuse: Callable[[DarkroomError, str], Response],
        origins: Collection[str] = (),
    ) -> None:
        """`refuse` makes the answer from an error and the request's path. Pages of `origins`, which
        `service.api.edge.origins.parse_origins` reads, may send the requests that the server's own pages may send.
        """
        self._app = app
        self._hosts = hosts
        self._origins = frozenset(origins)
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "http":
                self._check(scope)
        except DarkroomError as error:
            await self._refuse(error, scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers, addresses = Headers(scope=scope), addresses_of(HTTPConnection(scope))
        named = _named_hosts(headers, scope["http_version"])
        # All of them: a page may send X-Forwarded-Host itself, through a proxy that does not replace it.
        if not all(self._hosts.allows(each) for each in (*named, addresses.authority)):
            raise MisdirectedRequestError(
                "This server does not answer to this host name. Its operator can allow the name."
            )
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        own = (*named, addresses.authority)
        if scope["method"] in SAFE_METHODS or is_named_origin(origins, self._origins):
            return
        if not is_own_origin(origins, sites, own):
            raise ForbiddenError("Requests of other sites' pages are refused.")


def _named_hosts(headers: Headers, http_version: str) -> list[Authority]:
    values = headers.getlist("host")
    if not values and http_version < _FIRST_WITH_HOST:
        return []  # No browser sends such a request, while some load balancers probe with one.
    found = [parse_authority(value) for value in values]
    if len(found) != 1 or found[0] is None:
        raise InvalidRequestError("A request must have exactly one valid Host header.")
    return [found[0]]
