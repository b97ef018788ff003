"""The types of fields: text that every encoding can hold, whole numbers in one spelling, ids of jobs, times."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from service.api.http.fields import WHOLE_NUMBER, ImageIndex, JobId, Text, json_text, utc_time
from service.errors import InvalidRequestError


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_is_any_string_without_nul_and_surrogates(text: str) -> None:
    assert TypeAdapter(Text).validate_python(text) == text


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
def test_nul_and_unpaired_surrogates_are_no_text(text: str) -> None:
    with pytest.raises(ValidationError, match="Text must not hold"):
        TypeAdapter(Text).validate_python(text)


@given(st.integers(0, 10**16 - 1))
def test_a_whole_number_is_read_from_its_digits(number: int) -> None:
    assert TypeAdapter(Annotated[int, WHOLE_NUMBER]).validate_python(str(number)) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "00", "01", "1.0", "1e3", " 1", "1_0", "٣", "x", "9" * 17])
def test_a_whole_number_has_one_spelling(text: str) -> None:
    assert not accepts(Annotated[int, WHOLE_NUMBER], text)


def test_json_as_text_is_read_under_the_bounds_of_a_body() -> None:
    assert json_text('{"a": [1.0, 2]}') == {"a": [1, 2]}
    assert json_text(f'{{"a": {"9" * 400}}}') == {"a": math.inf}
    for text in ('{"a": 1, "a": 1}', "[" * 33 + "]" * 33):
        with pytest.raises(InvalidRequestError):
            json_text(text)
    assert json_text("{") == "{"


def test_an_image_index_has_at_most_three_digits() -> None:
    assert [accepts(ImageIndex, text) for text in ("0", "999", "1000", "-1")] == [True, True, False, False]


def test_a_job_id_is_matched_from_end_to_end() -> None:
    job_id = "job_" + "a2" * 13
    assert accepts(JobId, job_id)
    assert not [text for text in (job_id[:-1], job_id + "a", job_id + "\n", "x" + job_id) if accepts(JobId, text)]


def test_a_time_has_its_zone_and_one_that_is_not_known_is_none() -> None:
    assert utc_time(86400.5) == datetime(1970, 1, 2, 0, 0, 0, 500_000, tzinfo=UTC)
    assert utc_time(None) is None
