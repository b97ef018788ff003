"""The routes that need no key. Everything else needs one, even paths that no route answers."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

OPEN_PATHS: Final = (
    "/",
    "/api/v1/session",
    "/assets/{name}",
    "/docs",
    "/health",
    "/livez",
    "/openapi.json",
    "/readyz",
    "/replicate/v1/predictions/{job_id}/stream",
    "/shared/{job_id}/{file}",
)
"""Paths as routes spell them. A signature replaces the key at `/shared` and at a prediction's stream. A route at one of
these paths that needs a key after all, such as POST /, raises `UnauthenticatedError` itself."""


def _never(_: Request) -> Response:
    raise AssertionError("these routes are only asked whether they match")


_ROUTES: Final = [Route(path, _never, methods=["GET"]) for path in OPEN_PATHS]


def is_open(scope: Scope) -> bool:
    """Whether a request for this path needs no key, whatever its method.

    Starlette itself matches the path, so that a spelling never means one thing here and another to the routes.
    """
    return any(route.matches(scope)[0] is not Match.NONE for route in _ROUTES)
