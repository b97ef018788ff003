"""A caller waits for its prediction as long as its Prefer header says, and is answered a little before that."""

from __future__ import annotations

import pytest

from service.api.dialects.replicate.creation import preferred_wait_s


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, 0.0),
        ("", 0.0),
        ("respond-async", 0.0),
        ("waiting", 0.0),
        ("wait=0", 0.0),
        ("wait", 59.5),
        ("Wait", 59.5),
        ("respond-async, wait", 59.5),
        ("wait=5", 4.5),
        ("wait=1", 0.5),
        ("wait=300", 59.5),
    ],
)
def test_the_answer_comes_a_little_before_the_client_hangs_up(header: str | None, wait_s: float) -> None:
    assert preferred_wait_s(header) == wait_s
