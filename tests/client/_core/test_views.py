"""The handles of jobs and images answer without asking the server."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom import ImageRecord, InvalidResponseError, JobCanceledError, JobFailedError, JobRecord
from darkroom._core.views import JobImageView, JobView
from tests.client import answers


def view(status: str, **fields: Any) -> JobView:
    return JobView(JobRecord.model_validate(answers.job_record(status, **fields)))


def image(content: bytes | None = None) -> JobImageView:
    record = ImageRecord.model_validate(answers.image_record(content=content))
    return JobImageView(record, view("succeeded").request, "http://here/image")


def test_a_job_shows_what_the_server_said() -> None:
    job = view("queued", queue_position=3, eta_s=1.5)
    assert (job.id, job.status, job.ended, job.queue_position, job.eta_s) == ("job_1", "queued", False, 3, 1.5)
    assert (job.seeds, job.progress.steps, job.request.model, job.error) == ([7], 4, "bundled", None)
    assert repr(job) == "JobView(id='job_1', status='queued')"


def test_only_failure_and_cancellation_raise() -> None:
    for status in ("queued", "running", "succeeded"):
        view(status).raise_for_status()
    with pytest.raises(JobCanceledError):
        view("canceled").raise_for_status()
    failed = view("failed", error={"code": "out_of_memory", "message": "Too large.", "field": None})
    with pytest.raises(JobFailedError, match=r"^Too large\.$") as caught:
        failed.raise_for_status()
    assert (caught.value.code, caught.value.job) == ("out_of_memory", failed.record)


def test_an_image_shows_what_the_server_said() -> None:
    made = image()
    assert (made.index, made.seed, made.width, made.height, made.prompt) == (0, 7, 8, 8, "a red circle")
    assert made.parameters["seed"] == 7
    assert repr(made) == "JobImageView(url='http://here/image', seed=7, size='8x8')"


def test_content_that_is_not_that_of_the_image_is_refused() -> None:
    with pytest.raises(InvalidResponseError, match="whole image"):
        image()._keep(answers.png()[:-1])


class Loading(JobImageView):
    """Loads its content at once."""

    def bytes(self) -> bytes:
        return self._keep(answers.png())


class Waiting(JobImageView):
    """Must be waited for."""

    async def bytes(self) -> bytes:
        raise AssertionError("a notebook cannot wait for it")


def test_a_notebook_loads_an_image_that_need_not_be_waited_for() -> None:
    plain = image()
    shown = Loading(plain.record, plain._request, plain.url)
    assert shown._repr_png_() == answers.png()
    assert shown._repr_mimebundle_() == {"image/png": answers.b64_png()}


def test_a_notebook_shows_an_image_that_must_be_waited_for_once_it_is_loaded() -> None:
    plain = image()
    shown = Waiting(plain.record, plain._request, plain.url)
    assert (shown._repr_png_(), shown._repr_mimebundle_()) == (None, {})
    shown._keep(answers.png())
    assert shown._repr_png_() == answers.png()
