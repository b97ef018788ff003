"""A cursor comes back as it was given out, and any other text is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.durable_jobs.cursors import decode_cursor, encode_cursor
from service.errors import InvalidRequestError
from service.ids import is_job_id

JOB = "job_" + "a2" * 13


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@given(created_at=st.floats(0, 2**40))
def test_a_cursor_is_read_as_it_was_written(created_at: float) -> None:
    text = encode_cursor(created_at, JOB)
    assert decode_cursor(text, is_job_id) == (created_at, JOB)
    assert text.replace("-", "").replace("_", "").isalnum(), "it needs no escaping in a URL"


@pytest.mark.parametrize("time", ["", "x", "nan", "inf", "-inf", "1e999", "1 2"])
def test_a_cursor_without_a_time_is_refused(time: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        decode_cursor(encoded(f"{time} {JOB}"), is_job_id)
    assert (error.value.parameter, error.value.message) == ("cursor", "The query parameter cursor is not valid.")


@pytest.mark.parametrize("text", ["1.0 job_x", "1.0 ", "1.0", f"1.0 {'job_' + 'a' * 26} x", f"1.0 {'job_' + 'A' * 26}"])
def test_a_cursor_without_a_job_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        decode_cursor(encoded(text), is_job_id)


@given(st.text(max_size=200) | st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_other_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        _, job_id = decode_cursor(text, is_job_id)
    except InvalidRequestError:
        return
    assert is_job_id(job_id)
