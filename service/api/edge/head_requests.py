"""Answers HEAD on every route that answers GET: with the head of that answer."""

from __future__ import annotations

from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class _HeadSentError(Exception):
    """Ends an answer of several parts behind its head."""


class HeadRequests:
    """An ASGI middleware. A route with a HEAD of its own keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or _has_route(scope):
            await self._app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET"}

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif message.get("more_body"):
                raise _HeadSentError  # A stream of events would go on for as long as its job.

        try:
            await self._app(as_get, receive, send_head)
        except _HeadSentError:
            pass
        finally:
            scope.update({name: as_get[name] for name in ("route", "path_params") if name in as_get})


def _has_route(scope: Scope) -> bool:
    return any(route.matches(scope)[0] is Match.FULL for route in scope["app"].routes)
