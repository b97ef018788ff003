"""Answers OPTIONS on every route with the methods of its path.

`service.api.edge.cross_origin` decides whether a page of another origin may send them.
"""

from __future__ import annotations

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.http.errors import allowed_methods


class OptionsRequests:
    """An ASGI middleware, outside `Authentication`: a browser sends no key before it knows what is allowed.

    A path without a route is left to whoever answers its other methods.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods = allowed_methods(scope) if scope["type"] == "http" and scope["method"] == "OPTIONS" else ()
        if methods:
            answer = Response(status_code=204, headers={"Allow": ", ".join(methods)})
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
