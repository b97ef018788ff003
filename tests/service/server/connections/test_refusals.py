"""Answers of the protocol have the shape of the path's dialect."""

from __future__ import annotations

import pytest

from service.server.connections.refusals import INVALID, TOO_MANY, TOO_SLOW, Refusal
from tests.harness.wire.raw_http import OPENAI_SHAPE, PROBLEM_SHAPE, answers_in, shape_of

HUGGING_FACE_SHAPE = ("application/json", {"error"})
"""The shape of `/` too, to which Hugging Face's clients post."""


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        (b"/v1/images/generations", OPENAI_SHAPE),
        (b"http://host/v1/images/generations?x", OPENAI_SHAPE),
        (b"/api/v1/jobs", PROBLEM_SHAPE),
        (b"/", HUGGING_FACE_SHAPE),
        (b"/docs", PROBLEM_SHAPE),
        (b"*", PROBLEM_SHAPE),
        (b"", PROBLEM_SHAPE),
        (b"/v1\xff", PROBLEM_SHAPE),
        (b"http://[", PROBLEM_SHAPE),
    ],
)
@pytest.mark.parametrize("refusal", [INVALID, TOO_SLOW, TOO_MANY])
def test_a_refusal_has_the_shape_of_the_dialect_of_its_path(
    refusal: Refusal, target: bytes, shape: tuple[str, set[str]]
) -> None:
    (answer,) = answers_in(refusal.as_bytes(target))
    assert answer.status == refusal.status
    assert answer.closes
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert shape_of(answer) == shape
    assert refusal.message.encode() in answer.body


def test_only_what_passes_by_itself_says_when_to_try_again() -> None:
    assert answers_in(TOO_MANY.as_bytes(b"/"))[0].headers["retry-after"] == "2"
    assert answers_in(INVALID.as_bytes(b"/"))[0].headers["retry-after"] is None


def test_the_answer_to_head_has_no_body() -> None:
    assert TOO_MANY.as_bytes(b"/", has_body=False).endswith(b"\r\n\r\n")
