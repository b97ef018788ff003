"""The handle of a job: waiting, results, events, cancellation and deletion. Live tests hold it to a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import httpx2
import pytest

import darkroom
from darkroom import ImageReady, JobEnded, JobFailed, ProgressMade, StatusChanged
from tests.client import answers
from tests.client.both import Client, Clients

Answer: TypeAlias = Callable[[], httpx2.Response]

FAILED: dict[str, Any] = {"error": {"code": "out_of_memory", "message": "Too large.", "field": None}}
PROGRESS = {"step": 1, "steps": 4, "fraction": 0.25}


class Server:
    """Accepts a job, and gives these answers to further requests, in order."""

    def __init__(self, *answers_: Answer) -> None:
        self.requests: list[httpx2.Request] = []
        self._answers = iter(answers_)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return (
            answers.job() if request.method == "POST" and request.url.path.endswith("/jobs") else next(self._answers)()
        )

    @property
    def paths(self) -> list[str]:
        return [f"{request.method} {request.url.path.removeprefix('/api/v1/jobs')}" for request in self.requests[1:]]


def says(status: str, images: int = 0, **fields: Any) -> Answer:
    return lambda: answers.job(status, images, **fields)


def streams(*events: str) -> Answer:
    return lambda: answers.stream("retry: 2000\n\n" + "".join(events))


def breaks() -> httpx2.Response:
    raise httpx2.ReadError("cut")


def submitted(connect: Clients, server: Server, **options: Any) -> Client:
    return connect(server, **options).jobs.submit(prompt="a red circle")


def test_waiting_asks_until_the_job_has_ended(connect: Clients) -> None:
    server = Server(says("queued"), says("running"), says("succeeded", 1))
    job = submitted(connect, server)
    assert job.wait().status == "succeeded"
    assert server.paths == ["GET /job_1"] * 3
    assert [image.seed for image in job.images] == [7]


def test_waiting_survives_a_server_that_is_restarted(connect: Clients) -> None:
    server = Server(breaks, lambda: answers.error(503), breaks, breaks, says("succeeded", 1))
    assert len(submitted(connect, server).result()) == 1


def test_waiting_ends_with_the_time_given(connect: Clients) -> None:
    job = submitted(connect, Server())
    with pytest.raises(darkroom.JobTimeoutError) as caught:
        job.wait(timeout_s=0)
    assert caught.value.job_id == "job_1"


def test_waiting_for_a_job_that_was_deleted_fails(connect: Clients) -> None:
    job = submitted(connect, Server(lambda: answers.problem(404, code="not_found")))
    with pytest.raises(darkroom.NotFoundError):
        job.wait()


def test_the_result_of_a_job_that_failed_is_an_error_with_what_was_finished(connect: Clients) -> None:
    job = submitted(connect, Server(says("failed", 1, **FAILED)))
    with pytest.raises(darkroom.JobFailedError, match=r"^Too large\.$") as caught:
        job.result()
    assert caught.value.job is not None
    assert (caught.value.code, len(caught.value.job.images)) == ("out_of_memory", 1)


def test_cancelling_updates_the_handle_and_deleting_needs_no_answer(connect: Clients) -> None:
    server = Server(says("canceled"), lambda: httpx2.Response(204))
    job = submitted(connect, server)
    assert job.cancel().status == "canceled"
    with pytest.raises(darkroom.JobCanceledError):
        job.result()
    job.delete()
    assert server.paths == ["POST /job_1/cancel", "DELETE /job_1"]


def test_events_are_typed_and_their_images_are_the_handles(connect: Clients) -> None:
    stream = streams(
        answers.job_event(1, "status", status="running"),
        ": nothing new\n\n",
        answers.job_event(2, "progress", **PROGRESS),
        answers.job_event(3, "image", **answers.image_record()),
        answers.job_event(4, "done", **answers.job_record("succeeded", 1)),
    )
    job = submitted(connect, Server(stream, lambda: httpx2.Response(200, content=answers.png())))
    events = list(job.events())
    assert [type(event) for event in events] == [StatusChanged, ProgressMade, ImageReady, JobEnded]
    assert events[2].image.bytes() == answers.png()
    assert (job.status, job.images[0].bytes()) == ("succeeded", answers.png())


@pytest.mark.parametrize("lost", [breaks, lambda: answers.error(503), lambda: answers.error(429, retry_after="1")])
def test_events_go_on_behind_the_last_one_after_a_lost_connection(connect: Clients, lost: Answer) -> None:
    first = streams(answers.job_event(1, "status", status="running"), answers.job_event(2, "progress", **PROGRESS))
    last = streams(answers.job_event(3, "done", **answers.job_record("succeeded")))
    server = Server(first, lost, lost, last)
    events = list(submitted(connect, server).events())
    assert [type(event) for event in events] == [StatusChanged, ProgressMade, JobEnded]
    assert [request.headers.get("last-event-id") for request in server.requests[1:]] == [None, "1.2", "1.2", "1.2"]


def test_events_of_a_job_that_fails_end_with_the_failure(connect: Clients) -> None:
    failure, job = FAILED["error"], answers.job_record("failed", **FAILED)
    stream = streams(answers.job_event(1, "failed", **failure), answers.job_event(2, "done", **job))
    failed, ended = submitted(connect, Server(stream)).events()
    assert isinstance(failed, JobFailed)
    assert (failed.code, ended.status) == ("out_of_memory", "failed")


def test_without_retries_a_lost_connection_is_an_error(connect: Clients) -> None:
    job = submitted(connect, Server(streams()), max_retries=0)
    with pytest.raises(darkroom.APIConnectionError, match="ended before the job did"):
        list(job.events())


def test_leaving_the_events_closes_the_connection(connect: Clients) -> None:
    answer = answers.stream(answers.job_event(1, "status", status="running") * 9, piece=16)
    with submitted(connect, Server(lambda: answer)).events() as events:
        assert next(iter(events)).status == "running"
    assert answer.is_closed


def test_an_answer_without_events_is_an_invalid_response(connect: Clients) -> None:
    job = submitted(connect, Server(lambda: httpx2.Response(200, text="<html>")))
    with pytest.raises(darkroom.InvalidResponseError, match="with events"):
        list(job.events())
