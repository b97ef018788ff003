"""Says whose a request is by a header, in place of authentication: `X-Test-Key` names one of the identities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.auth.identity import Identity

KEY: Final = "X-Test-Key"
NO_IDENTITIES: Final[Mapping[str, Identity]] = {}


class Identified:
    """An ASGI middleware. A request without the header passes as it is."""

    def __init__(self, app: ASGIApp, *, identities: Mapping[str, Identity]) -> None:
        self._app = app
        self._identities = identities

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = Headers(scope=scope).get(KEY) if scope["type"] == "http" else None
        if name is not None:
            scope.setdefault("state", {})["identity"] = self._identities[name]
        await self._app(scope, receive, send)
