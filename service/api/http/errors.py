"""Answers errors in the shape of the dialect in which the request was made.

No answer repeats what the caller sent, and an unforeseen error tells nothing about itself.
"""

from __future__ import annotations

import dataclasses
import http
import json
import math
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from service.api.http.dialect import Dialect, Dialects, ErrorAnswer
from service.errors import (
    CanceledError,
    DarkroomError,
    InvalidRequestError,
    NotFoundError,
    QuotaExceededError,
    UnauthenticatedError,
)

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FINAL: Final = (http.HTTPStatus.INTERNAL_SERVER_ERROR, http.HTTPStatus.GATEWAY_TIMEOUT)
"""Statuses of errors that a further try would meet again, or for which it would be too late."""

_QUERY_PROBLEMS: Final = {
    "missing": "is missing",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "int_parsing": "must be a whole number",
    "whole": "must be a whole number without leading zeros",
    "enum": "must be {expected}",
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must be given at most {max_length} times",
}
"""Sentences about a bad parameter, by the type of pydantic's error. Pydantic's own texts are not passed on."""


class ErrorAnswers:
    """Answers every foreseen exception of an application."""

    def __init__(self, dialects: Dialects) -> None:
        self._dialects = dialects

    def install(self, app: FastAPI) -> None:
        app.exception_handler(DarkroomError)(self._on_darkroom_error)
        app.exception_handler(HTTPException)(self._on_http_exception)
        app.exception_handler(RequestValidationError)(self._on_validation_error)
        app.exception_handler(ClientDisconnect)(self._on_client_disconnect)

    def answer(self, error: DarkroomError, path: str) -> Response:
        """Returns the answer to a request for `path` that ended in `error`."""
        return _response(self._dialects.at(path), ErrorAnswer.of(error), _headers(error))

    async def _on_darkroom_error(self, request: Request, error: DarkroomError) -> Response:
        return self.answer(error, request.url.path)

    async def _on_http_exception(self, request: Request, error: HTTPException) -> Response:
        """Answers where the framework found no such path or no such method."""
        phrase, headers = status_phrase(error.status_code), dict(error.headers or {})
        if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(allowed_methods(request.scope))
        told = ErrorAnswer(
            status=error.status_code, code=phrase.lower().replace(" ", "_"), message=f"{phrase}.", field=None
        )
        return _response(self._dialects.at(request.url.path), told, headers)

    async def _on_validation_error(self, request: Request, error: Exception) -> Response:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        if any(each["loc"][0] == "path" for each in found):
            return self.answer(NotFoundError("There is nothing at this path."), request.url.path)
        return self.answer(_query_error(found[0]), request.url.path)

    async def _on_client_disconnect(self, request: Request, error: Exception) -> Response:
        return self.answer(CanceledError("The client has hung up."), request.url.path)


def _query_error(problem: Mapping[str, Any]) -> InvalidRequestError:
    """Names the parameter as the route declares it, and the bound that its value exceeds, but never the value."""
    name, bounds = str(problem["loc"][1]), problem.get("ctx", {})
    wrong = _QUERY_PROBLEMS.get(problem["type"], "is not valid").format(**bounds)
    return InvalidRequestError(f"The query parameter {name} {wrong}.", parameter=name)


def status_phrase(status: int) -> str:
    """Returns the reason phrase of a status code, such as "Not Found"."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == CanceledError.status else "Error"


def _response(dialect: Dialect, told: ErrorAnswer, headers: dict[str, str]) -> Response:
    told = dataclasses.replace(told, status=dialect.error_statuses.get(told.status, told.status))
    return Response(json.dumps(dialect.error_body(told)), told.status, headers, dialect.error_media_type)


def _headers(error: DarkroomError) -> dict[str, str]:
    """Returns headers that say how to authenticate, and whether and when to try again."""
    if error.status == UnauthenticatedError.status:
        return {"WWW-Authenticate": "Bearer"}  # RFC 9110, 11.6.1
    if error.retry_after_s is not None:
        return {
            "Retry-After": str(max(1, math.ceil(error.retry_after_s))),
            "Retry-After-Ms": str(max(1, math.ceil(error.retry_after_s * 1000))),
        }
    # Official clients would try twice more.
    is_final = error.status in _FINAL or isinstance(error, QuotaExceededError)
    return {"X-Should-Retry": "false"} if is_final else {}


def allowed_methods(scope: Scope) -> list[str]:
    """Returns all methods of the path; none where there is no route.

    Starlette itself names only those of the first route where several share a path.
    """
    asked = [{**scope, "method": method} for method in METHODS]
    routes = scope["app"].routes
    found = {each["method"] for each in asked if any(route.matches(each)[0] is Match.FULL for route in routes)}
    if found:
        found.add("OPTIONS")  # On every path.
    return [method for method in METHODS if method in found or (method == "HEAD" and "GET" in found)]
