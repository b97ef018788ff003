"""The base of all objects that the server sends."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from darkroom.results.jobs import JobRecord
from tests.client import answers


def test_an_answer_keeps_fields_that_this_version_does_not_know_and_its_request_id() -> None:
    record = JobRecord.model_validate({**answers.job_record(), "novelty": 1}, context={"request_id": "req_1"})
    assert record.model_extra == {"novelty": 1}
    assert (record._request_id, record.progress._request_id) == ("req_1", "req_1")


def test_an_answer_cannot_be_changed_and_can_be_pickled() -> None:
    record = JobRecord.model_validate(answers.job_record())
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, "status", "failed")  # noqa: B010 - mypy knows that it must not be set
    assert pickle.loads(pickle.dumps(record)) == record
