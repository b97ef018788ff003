"""A refusal in Replicate's shape names each field below `input`."""

from __future__ import annotations

from service.api.dialects.replicate.resolve import refuse_envelope, refuse_input
from service.api.http.dialect import FieldProblem
from service.errors import Problem


def test_each_problem_of_the_input_is_a_line_and_has_a_pointer() -> None:
    error = refuse_input([FieldProblem(("width",), "Must be positive"), FieldProblem(("prompt", 3), "Is missing")])
    assert error.status == 422
    assert error.message == "- input.width: Must be positive.\n- input.prompt: Is missing."
    assert error.problems == (
        Problem("/input/width", "Must be positive."),
        Problem("/input/prompt", "Is missing."),
    )


def test_problems_of_the_body_itself_are_not_below_input() -> None:
    error = refuse_envelope([FieldProblem(("input",), "Field required")])
    assert (error.message, error.problems) == ("- input: Field required.", (Problem("/input", "Field required."),))
