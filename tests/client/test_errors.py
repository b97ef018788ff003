"""Each status raises its class of error."""

from __future__ import annotations

import copy
import pickle

import pytest

import darkroom
from darkroom import JobRecord
from tests.client import answers
from tests.client.both import Clients

CLASSES = [
    (300, darkroom.RedirectError),
    (400, darkroom.BadRequestError),
    (401, darkroom.AuthenticationError),
    (403, darkroom.PermissionDeniedError),
    (404, darkroom.NotFoundError),
    (409, darkroom.ConflictError),
    (410, darkroom.GoneError),
    (418, darkroom.APIStatusError),
    (422, darkroom.UnprocessableEntityError),
    (429, darkroom.RateLimitError),
    (500, darkroom.InternalServerError),
    (503, darkroom.InternalServerError),
]


@pytest.mark.parametrize(("status", "kind"), CLASSES)
def test_each_status_raises_its_class(connect: Clients, status: int, kind: type[darkroom.APIStatusError]) -> None:
    client = connect(lambda _: answers.error(status), max_retries=0)
    with pytest.raises(darkroom.APIStatusError) as caught:
        client.images.generate(prompt="a red circle")
    assert type(caught.value) is kind
    assert caught.value.status_code == status


def test_every_error_is_a_darkroom_error() -> None:
    errors = [getattr(darkroom, name) for name in darkroom.__all__ if name.endswith("Error")]
    assert len(errors) > 10
    assert all(issubclass(error, darkroom.DarkroomError) for error in errors)


def _examples() -> list[darkroom.DarkroomError]:
    job = JobRecord.model_validate(answers.job_record("failed"))
    return [
        darkroom.DarkroomError("message"),
        darkroom.APITimeoutError("message"),
        darkroom.StreamError("message", code="c", param="p", request_id="r"),
        darkroom.InvalidResponseError("message"),
        darkroom.JobFailedError("message", job_id="job_1", job=job, code="out_of_memory", param=None),
        darkroom.JobTimeoutError("message", job_id="job_1", job=job),
        *(kind("message", status_code=status, code="c", body={"x": 1}, retry_after=3.0) for status, kind in CLASSES),
    ]


@pytest.mark.parametrize("error", _examples(), ids=lambda error: type(error).__name__)
def test_an_error_comes_back_whole_from_another_process(error: darkroom.DarkroomError) -> None:
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is type(error)
        assert (copied.args, copied.__dict__) == (error.args, error.__dict__)
        assert str(copied) == "message"


def test_a_job_that_takes_too_long_raises_a_timeout_of_python() -> None:
    assert issubclass(darkroom.JobTimeoutError, TimeoutError)
