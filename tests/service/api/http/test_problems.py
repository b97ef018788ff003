"""Problem details as RFC 9457 describes them."""

from __future__ import annotations

from service.api.http.dialect import ErrorAnswer
from service.api.http.problems import ProblemOut, problem_body
from service.errors import Problem, QueueFullError, UnknownModelError, UnprocessableError


def test_a_problem_has_every_member_of_its_schema_and_no_other() -> None:
    body = problem_body(ErrorAnswer.of(QueueFullError("Too many images wait already.", retry_after_s=1)))
    assert body == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "Too many images wait already.",
        "code": "queue_full",
        "errors": [],
    }
    assert set(body) == set(ProblemOut.model_fields)
    ProblemOut.model_validate(body, strict=True)


def test_an_error_about_one_field_points_at_it() -> None:
    body = problem_body(ErrorAnswer.of(UnknownModelError("No such model.", field="model")))
    assert body["errors"] == [{"pointer": "/model", "detail": "No such model."}]


def test_an_error_about_several_fields_points_at_each() -> None:
    problems = (Problem("/n", "Must be smaller."), Problem("/prompt/1", "Must not be empty."))
    body = problem_body(ErrorAnswer.of(UnprocessableError("The body is not valid.", problems=problems)))
    assert body["detail"] == "The body is not valid."
    assert body["errors"] == [
        {"pointer": "/n", "detail": "Must be smaller."},
        {"pointer": "/prompt/1", "detail": "Must not be empty."},
    ]
