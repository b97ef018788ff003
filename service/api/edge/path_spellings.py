"""Replaces a path by the one that its client means: some clients have another base URL, or double a slash."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send


class PathSpellings:
    """An ASGI middleware, outside all that read a request's path, so that one path means one thing to all of them."""

    def __init__(self, app: ASGIApp, *, own_path: Callable[[str], str]) -> None:
        """`own_path` returns the path that the given one means. The log shows the path as sent (`raw_path`)."""
        self._app = app
        self._own_path = own_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = self._own_path(scope["path"])
        await self._app(scope, receive, send)
