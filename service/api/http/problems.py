"""RFC 9457 problem details: the JSON body of an error, and its OpenAPI model."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from service.api.http.dialect import ErrorAnswer
from service.api.http.errors import status_phrase
from service.errors import Problem

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"


class ProblemDetail(BaseModel):
    pointer: str
    """A JSON pointer (RFC 6901) into the body."""
    detail: str


class ProblemOut(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemDetail]


def problem_body(told: ErrorAnswer) -> dict[str, Any]:
    problems = told.problems or ([] if told.field is None else [Problem(f"/{told.field}", told.message)])
    return {
        "type": "about:blank",
        "title": status_phrase(told.status),
        "status": told.status,
        "detail": told.message,
        "code": told.code,
        "errors": [problem._asdict() for problem in problems],
    }
