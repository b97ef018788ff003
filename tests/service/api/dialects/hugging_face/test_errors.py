"""Errors are one text under `error`, and never answered 503."""

from __future__ import annotations

from service.api.dialects.hugging_face.errors import STATUSES, ErrorOut, error_body, refuse
from service.api.http.dialect import ErrorAnswer, FieldProblem
from service.errors import QueueFullError


def test_an_error_is_its_sentence() -> None:
    body = error_body(ErrorAnswer.of(QueueFullError("Too many images wait already.")))
    assert body == {"error": "Too many images wait already."}
    ErrorOut.model_validate(body, strict=True, extra="forbid")


def test_all_problems_of_a_body_are_told_once_each() -> None:
    width = FieldProblem(("width",), "Must be positive")
    error = refuse([width, FieldProblem(("height",), "Must be positive"), width])
    assert (error.message, error.field) == ("width: Must be positive. height: Must be positive.", "width")


def test_a_server_without_room_tells_the_clients_that_there_are_too_many_requests() -> None:
    assert STATUSES[QueueFullError.status] == 429
