"""Failures as answers: OpenAI's error object under /v1, RFC 9457 problem details elsewhere.

Nothing here repeats what the caller sent, and what was not foreseen says nothing of itself.
"""

from __future__ import annotations

import http
import json
import math
from collections.abc import Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from service.errors import CanceledError, DarkroomError, InvalidRequestError, NotFoundError, Problem, UnprocessableError

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PROBLEM_TYPE: Final = "application/problem+json"
_OPENAI_TYPES: Final = {429: "rate_limit_error"}
_FINAL: Final = (http.HTTPStatus.INTERNAL_SERVER_ERROR, http.HTTPStatus.GATEWAY_TIMEOUT)


def install(app: FastAPI) -> None:
    """Let `app` answer every foreseen exception in the shape of its path."""
    app.exception_handler(DarkroomError)(_on_darkroom_error)
    app.exception_handler(HTTPException)(_on_http_exception)
    app.exception_handler(RequestValidationError)(_on_validation_error)
    app.exception_handler(ClientDisconnect)(_on_client_disconnect)


def answer(error: DarkroomError, path: str) -> Response:
    """The answer to a request for `path` that ended in `error`."""
    if speaks_openai(path):
        body, media_type = openai_error(error), "application/json"
    else:
        body, media_type = _problem(error.status, error.code, error.message, _problems(error)), PROBLEM_TYPE
    return Response(json.dumps(body), error.status, _advice(error), media_type)


def speaks_openai(path: str) -> bool:
    return path == "/v1" or path.startswith("/v1/")


def openai_error(error: DarkroomError) -> dict[str, Any]:
    """The body that the official clients read, in an answer and in a stream."""
    return _openai_body(error.status, error.code, error.message, error.field)


def _advice(error: DarkroomError) -> dict[str, str]:
    """Headers on whether and when to try again."""
    if error.retry_after_s is not None:
        return {
            "Retry-After": str(max(1, math.ceil(error.retry_after_s))),
            "Retry-After-Ms": str(max(1, math.ceil(error.retry_after_s * 1000))),
        }
    # What fails here fails again, or comes too late: official clients would try twice more.
    return {"X-Should-Retry": "false"} if error.status in _FINAL else {}


def _openai_body(status: int, code: str, message: str, field: str | None) -> dict[str, Any]:
    kind = "server_error" if status >= 500 else _OPENAI_TYPES.get(status, "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": field, "code": code}}


def _problem(status: int, code: str, message: str, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": _phrase(status),
        "status": status,
        "detail": message,
        "code": code,
        "errors": [problem._asdict() for problem in problems],
    }


def _problems(error: DarkroomError) -> Sequence[Problem]:
    if isinstance(error, UnprocessableError):
        return error.problems
    return () if error.field is None else [Problem(f"/{error.field}", error.message)]


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == CanceledError.status else "Error"


async def _on_darkroom_error(request: Request, error: DarkroomError) -> Response:
    return answer(error, request.url.path)


async def _on_http_exception(request: Request, error: HTTPException) -> Response:
    """Of the framework's own: no such path, no such method."""
    phrase, headers = _phrase(error.status_code), dict(error.headers or {})
    if error.status_code == http.HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    code, message = phrase.lower().replace(" ", "_"), f"{phrase}."
    if speaks_openai(request.url.path):
        body, media_type = _openai_body(error.status_code, code, message, None), "application/json"
    else:
        body, media_type = _problem(error.status_code, code, message), PROBLEM_TYPE
    return Response(json.dumps(body), error.status_code, headers, media_type)


def _allowed(request: Request) -> list[str]:
    """All methods of the path; the framework names those of one route alone, where there are several to a path."""
    scopes = ({**request.scope, "method": method} for method in METHODS)
    return [
        scope["method"]
        for scope in scopes
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]


async def _on_validation_error(request: Request, error: Exception) -> Response:
    locations = [each["loc"][0] for each in error.errors()] if isinstance(error, RequestValidationError) else []
    if "path" in locations:
        return answer(NotFoundError("There is nothing at this path."), request.url.path)
    return answer(InvalidRequestError("A query parameter is not valid."), request.url.path)


async def _on_client_disconnect(request: Request, error: Exception) -> Response:
    return answer(CanceledError("The client has hung up."), request.url.path)
