"""Errors of Hugging Face's inference API: a sentence under `error`."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from service.api.http.dialect import ErrorAnswer, FieldProblem
from service.errors import InvalidRequestError

_MAX_PROBLEMS: Final = 20

STATUSES: Final[Mapping[int, int]] = {
    http.HTTPStatus.SERVICE_UNAVAILABLE.value: http.HTTPStatus.TOO_MANY_REQUESTS.value
}
"""503 becomes 429, since `@huggingface/inference` repeats a request that is answered 503 at once and for ever."""


class ErrorOut(BaseModel):
    error: str


def error_body(told: ErrorAnswer) -> dict[str, Any]:
    return {"error": told.message}


def refuse(problems: Sequence[FieldProblem]) -> InvalidRequestError:
    sentences = [f"{each.location[0]}: {each.detail}." for each in problems[:_MAX_PROBLEMS]]
    return InvalidRequestError(" ".join(dict.fromkeys(sentences)), field=str(problems[0].location[0]))
