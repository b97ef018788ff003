"""The events of a job are read, and go on after a lost connection where they stopped."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from darkroom import (
    APIConnectionError,
    ImageReady,
    ImageRecord,
    InvalidResponseError,
    JobDeletedError,
    JobEnded,
    JobFailed,
    JobRecord,
    NotFoundError,
    ProgressMade,
    StatusChanged,
)
from darkroom._core.following import RECONNECTIONS, Follower, most_reconnections
from darkroom._core.views import JobView
from tests.client import answers

RUNNING = ("status", {"status": "running"})
PROGRESS = ("progress", {"step": 1, "steps": 4, "fraction": 0.25, "eta_s": 3.0, "queue_position": 2})
FAILURE = ("failed", {"code": "out_of_memory", "message": "Too large.", "field": None})
DONE = ("done", answers.job_record("failed"))


def follower(max_retries: int = 2) -> Follower[int]:
    job = JobView(JobRecord.model_validate(answers.job_record()))
    return Follower(job, lambda record: record.index, max_retries)


def sent(event: tuple[str, Any], number: int = 1) -> httpx2.ServerSentEvent:
    return httpx2.ServerSentEvent(event=event[0], data=json.dumps(event[1]), id=f"1.{number}")


def test_events_are_typed_and_update_the_handle() -> None:
    following = follower()
    assert following.read(sent(RUNNING)) == [StatusChanged(status="running")]
    (progress,) = following.read(sent(PROGRESS))
    assert isinstance(progress, ProgressMade)
    job = following._job
    assert (job.status, job.progress.step, job.eta_s, job.queue_position) == ("running", 1, 3.0, 2)
    (ended,) = following.read(sent(("done", answers.job_record("succeeded", images=1))))
    assert isinstance(ended, JobEnded)
    assert (following.ended, job.record) == (True, ended.job)


def test_an_image_is_told_once_even_where_the_events_begin_anew() -> None:
    following = follower()
    for number in (0, 1, 0):
        following.read(sent(("image", answers.image_record(number))))
    assert following.read(sent(("image", answers.image_record(1)))) == []
    assert following.read(sent(("image", answers.image_record(2)))) == [ImageReady(2)]


def test_the_next_stream_begins_behind_the_last_event() -> None:
    following = follower()
    assert "Last-Event-ID" not in following.request().headers
    following.read(sent(PROGRESS, 7))
    following.read(httpx2.ServerSentEvent(event="message", retry=2000))
    assert following.request().headers["Last-Event-ID"] == "1.7"


def test_a_failure_of_the_job_is_told_with_its_end() -> None:
    following = follower()
    assert following.read(sent(FAILURE)) == []
    failed, ended = following.read(sent(DONE))
    assert isinstance(failed, JobFailed)
    assert (failed.code, isinstance(ended, JobEnded)) == ("out_of_memory", True)
    following.closed(200)


def test_a_failure_of_the_stream_is_a_lost_connection() -> None:
    following = follower()
    following.read(sent(FAILURE))
    with pytest.raises(APIConnectionError, match=r"^Too large\.$"):
        following.closed(200)
    with pytest.raises(APIConnectionError, match="ended before the job did"):
        following.closed(200)


def test_a_server_that_closes_is_connected_to_again_behind_the_last_event() -> None:
    following = follower()
    following.read(sent(PROGRESS, 7))
    assert following.read(sent(("closing", {"message": "The server is shutting down.", "retry_after_s": 2.0}), 7)) == []
    with pytest.raises(APIConnectionError, match="the server is shutting down; the job goes on") as caught:
        following.closed(200)
    assert following.lost(caught.value, 0.0).tries == 1
    assert following.request().headers["Last-Event-ID"] == "1.7"
    assert not following.ended


def test_a_job_that_was_deleted_is_not_followed_any_further() -> None:
    following = follower()
    following.read(sent(("failed", {"code": "gone", "message": "The job was deleted.", "field": None})))
    with pytest.raises(JobDeletedError, match=r"^The job was deleted\.$") as caught:
        following.closed(200)
    assert caught.value.job_id == "job_1"


def test_no_content_means_that_everything_was_told() -> None:
    following = follower()
    following.closed(204)
    assert following.ended


def test_connections_without_an_event_are_counted() -> None:
    following, error = follower(), APIConnectionError("lost")
    for _ in range(3):
        assert [following.lost(error, 0.0).wait_s for _ in range(2)] == [0.5, 1.0]
        following.read(sent(RUNNING))
    following.lost(error, 0.0)
    following.lost(error, 0.0)
    with pytest.raises(APIConnectionError):
        following.lost(error, 0.0)


def test_a_job_that_is_not_there_is_not_asked_for_again() -> None:
    with pytest.raises(NotFoundError):
        follower(9).lost(NotFoundError("x", status_code=404), 0.0)


def test_a_job_that_has_gone_between_two_connections_was_deleted() -> None:
    following = follower(9)
    following.read(sent(RUNNING))
    with pytest.raises(JobDeletedError):
        following.lost(NotFoundError("There is no such job.", status_code=404), 0.0)


def test_events_of_an_unknown_kind_are_passed_over_and_unreadable_ones_are_not() -> None:
    assert follower().read(sent(("novelty", {}))) == []
    with pytest.raises(InvalidResponseError):
        follower().read(sent(("progress", {})))


@pytest.mark.parametrize(("max_retries", "connections"), [(0, 0), (1, RECONNECTIONS), (99, 99)])
def test_a_lost_connection_is_made_again_unless_the_client_allows_no_retries(
    max_retries: int, connections: int
) -> None:
    assert most_reconnections(max_retries) == connections


def test_reconnections_last_for_about_a_minute() -> None:
    for jitter in (0.0, 1.0):
        following = follower(most_reconnections(2))
        waited_s = sum(following.lost(APIConnectionError("lost"), jitter).wait_s for _ in range(RECONNECTIONS))
        assert 50 < waited_s < 75


def test_the_record_of_an_image_is_given_to_whoever_makes_its_handle() -> None:
    records: list[ImageRecord] = []
    following = Follower(JobView(JobRecord.model_validate(answers.job_record())), records.append, 2)
    following.read(sent(("image", answers.image_record())))
    assert [record.seed for record in records] == [7]
