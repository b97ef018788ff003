"""OpenAI's error object, and how a request is refused in it: the first problem alone, with its field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel

from service.api.http.dialect import ErrorAnswer, FieldProblem
from service.errors import InvalidRequestError

_TYPES: Final = {429: "rate_limit_error"}


class ErrorObject(BaseModel):
    message: str
    type: str
    param: str | None
    code: str | None


class ErrorResponse(BaseModel):
    error: ErrorObject


def error_body(told: ErrorAnswer) -> dict[str, Any]:
    """The error object that the official clients read, in an answer and in a stream."""
    kind = "server_error" if told.status >= 500 else _TYPES.get(told.status, "invalid_request_error")
    return {"error": {"message": told.message, "type": kind, "param": told.field or told.parameter, "code": told.code}}


def refuse(problems: Sequence[FieldProblem]) -> InvalidRequestError:
    first = problems[0]
    field = str(first.location[0])
    return InvalidRequestError(f"{field}: {first.detail}.", field=field)
