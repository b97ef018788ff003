"""Job ids are random and match their pattern, and other text does not."""

from __future__ import annotations

import re

import pytest

from service.ids import JOB_ID_PATTERN, is_job_id, new_job_id

JOB_ID = "job_" + "a2" * 13


def test_new_ids_are_valid_and_differ() -> None:
    ids = {new_job_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(is_job_id(each) and re.fullmatch(JOB_ID_PATTERN, each) for each in ids)


@pytest.mark.parametrize(
    "text", ["", "job_", JOB_ID[:-1], JOB_ID + "a", JOB_ID + "\n", JOB_ID.upper(), "job_" + "²" * 26, f"../{JOB_ID}"]
)
def test_other_text_is_no_id(text: str) -> None:
    assert not is_job_id(text)
