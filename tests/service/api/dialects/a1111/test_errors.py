"""Errors have the fields that AUTOMATIC1111's clients read."""

from __future__ import annotations

from service.api.dialects.a1111.errors import BODY_RULES, error_body
from service.api.http.dialect import ErrorAnswer, FieldProblem


def test_an_error_has_the_four_fields_of_the_web_ui_as_text() -> None:
    told = ErrorAnswer(status=400, code="invalid_value", message="Sampler not found", field="sampler_name")

    assert error_body(told) == {
        "error": "invalid_value",
        "detail": "Sampler not found",
        "body": "",
        "errors": "Sampler not found",
    }


def test_everything_that_is_wrong_with_a_body_is_told_at_once() -> None:
    error = BODY_RULES.refuse([FieldProblem(("steps",), "Too few"), FieldProblem(("init_images", 0), "Not an image")])

    assert (error.message, error.field) == ("steps: Too few. init_images: Not an image.", "steps")
