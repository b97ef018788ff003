"""The routes that need no key. Everything else needs one, paths that no route answers included."""

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
"""Paths as routes spell them. The signature of a link at `/shared` stands for a key, and so does that of a stream. What
needs a key all the same says so itself, such as POST /."""


def _never(_: Request) -> Response:
    raise AssertionError("these routes are only asked whether they match")


_ROUTES: Final = [Route(path, _never, methods=["GET"]) for path in OPEN_PATHS]


def is_open(scope: Scope) -> bool:
    """Whether a request for this path needs no key, whatever its method.

    The framework itself matches the path, so that no spelling of it means one thing here and another to the routes.
    """
    return any(route.matches(scope)[0] is not Match.NONE for route in _ROUTES)
