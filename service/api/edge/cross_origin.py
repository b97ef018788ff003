"""Lets the pages of named origins read answers: cross-origin resource sharing, as the Fetch standard defines it.

Without named origins no answer has its headers. Cookies are never shared: no answer allows credentials, so that a
page of another origin needs an API key of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.edge.origins import is_named_origin

_MAX_AGE_S: Final = 600
"""Seconds for which a browser may keep the answer to its preflight request."""
_FIELD_NAMES: Final = re.compile(r"[A-Za-z0-9_-]{1,100}(?:[ \t]*,[ \t]*[A-Za-z0-9_-]{1,100}){0,63}", re.ASCII)
_ALWAYS_READABLE: Final = frozenset(
    {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
)
_NEVER_READABLE: Final = frozenset({"set-cookie", "vary"})


class CrossOrigin:
    """An ASGI middleware, outside all others, so that a page can also read why its request was refused."""

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        """`origins` are as `service.api.edge.origins.parse_origins` gives them."""
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._origins:
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        is_named = is_named_origin(asked.getlist("origin"), self._origins)

        async def send_readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if is_named:
                    _open(headers, asked["origin"])
                    if scope["method"] == "OPTIONS":
                        _answer_preflight(headers, asked)
                headers.add_vary_header("Origin")
            await send(message)

        await self._app(scope, receive, send_readable)


def _open(headers: MutableHeaders, origin: str) -> None:
    """Lets pages of `origin` read the answer with all of its headers."""
    names = {name.lower() for name in headers} - _ALWAYS_READABLE - _NEVER_READABLE
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = ", ".join(sorted(names))


def _answer_preflight(headers: MutableHeaders, asked: Headers) -> None:
    """Allows the methods of the path, and all header fields that are asked for."""
    if "access-control-request-method" not in asked or "allow" not in headers:
        return
    headers["Access-Control-Allow-Methods"] = headers["allow"]
    headers["Access-Control-Max-Age"] = str(_MAX_AGE_S)
    names = asked.get("access-control-request-headers", "")
    if _FIELD_NAMES.fullmatch(names):
        headers["Access-Control-Allow-Headers"] = names
