"""OpenAI's error object."""

from __future__ import annotations

import pytest

from service.api.dialects.openai.errors import ErrorResponse, error_body, refuse
from service.api.http.dialect import ErrorAnswer, FieldProblem
from service.errors import DarkroomError, DeadlineExceededError, NotFoundError, QuotaExceededError


def test_an_error_has_the_four_members_that_clients_read() -> None:
    body = error_body(ErrorAnswer(status=400, code="invalid_value", message="n: Must be 1.", field="n"))
    assert body == {
        "error": {"message": "n: Must be 1.", "type": "invalid_request_error", "param": "n", "code": "invalid_value"}
    }
    ErrorResponse.model_validate(body, strict=True, extra="forbid")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotFoundError("Not there."), "invalid_request_error"),
        (QuotaExceededError("Too much."), "rate_limit_error"),
        (DarkroomError(), "server_error"),
        (DeadlineExceededError("Too late."), "server_error"),
    ],
)
def test_the_status_decides_the_type(error: DarkroomError, kind: str) -> None:
    assert error_body(ErrorAnswer.of(error))["error"]["type"] == kind


def test_the_first_of_several_problems_is_told_with_its_field() -> None:
    error = refuse([FieldProblem(("steps",), "Must be smaller"), FieldProblem(("n",), "Must be 1")])
    assert (error.status, error.field, error.message) == (400, "steps", "steps: Must be smaller.")
