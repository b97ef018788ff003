"""A view of a job adds to its record what only the process that runs it knows, or its place in the queue."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from service.jobs.records import ImageSummary, JobProgress, JobRecord, JobSummary, LiveState, Status
from service.jobs.store.queue.waiting_jobs import QueuePlace
from service.jobs.views import live_summary, live_view, summary_of, waiting_view
from tests.service.api.records import make_image, make_record

LIVE = LiveState(version=7, progress=JobProgress(3, 20, eta_s=1.5))


@pytest.fixture
def record() -> JobRecord:
    return make_record(status=Status.RUNNING, attempt=2, version=4)


def test_a_running_job_has_the_progress_that_its_process_knows(record: JobRecord) -> None:
    view = live_view(record, (2, LIVE))
    assert (view.record.version, view.record.progress, view.queue_position) == (7, LIVE.progress, None)
    assert live_view(replace(record, version=9), (2, LIVE)).record.version == 9


@pytest.mark.parametrize("change", [{"attempt": 3}, {"status": Status.SUCCEEDED}], ids=["taken over", "ended"])
def test_what_another_attempt_or_a_finished_one_knew_is_left_out(record: JobRecord, change: dict[str, object]) -> None:
    changed = replace(record, **change)  # type: ignore[arg-type]  # each case names a field of the right type, which mypy cannot know
    assert live_view(changed, (2, LIVE)).record == changed


def test_a_waiting_job_is_done_after_the_backlog_the_jobs_before_it_and_itself() -> None:
    waiting = make_record(status=Status.QUEUED)
    view = waiting_view(waiting, QueuePlace(3, work_s=12.0), backlog_s=4.0)
    assert view.queue_position == 3
    assert view.record.progress is not None
    assert (view.record.progress.eta_s, view.record.progress.step) == (16.0, 0)


def test_a_summary_says_of_a_job_and_its_images_what_their_records_say(record: JobRecord) -> None:
    record = replace(record, images=(make_image(),))
    summary = summary_of(record)
    for field in fields(JobSummary):
        if field.name != "images":
            assert getattr(summary, field.name) == getattr(record, field.name)
    assert [[getattr(image, field.name) for field in fields(ImageSummary)] for image in summary.images] == [
        [getattr(image, field.name) for field in fields(ImageSummary)] for image in record.images
    ]


def test_the_summary_of_a_running_job_has_the_progress_that_its_process_knows(record: JobRecord) -> None:
    summary = summary_of(record)
    assert live_summary(summary, (2, LIVE)).progress == LIVE.progress
    assert live_summary(summary, (3, LIVE)) == summary
    ended = replace(summary, status=Status.SUCCEEDED)
    assert live_summary(ended, (2, LIVE)) == ended
