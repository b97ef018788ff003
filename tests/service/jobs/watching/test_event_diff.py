"""A reader gets every event of a job once and in order, wherever it resumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.jobs.records import JobFailure, JobPreview, JobProgress, JobRecord, Status, StoredImage
from service.jobs.watching.event_diff import (
    NOTHING_SEEN,
    EventDiff,
    EventId,
    ImageStored,
    JobEnded,
    JobEvent,
    JobFailed,
    PreviewReady,
    ProgressMade,
    StatusChanged,
    parse_event_id,
    progress_of,
    seen_all,
)
from tests.harness.sample_jobs import STEPS, make_image, make_spec

Events: TypeAlias = list[tuple[EventId, JobEvent]]

IMAGES = 3
FAILURE = JobFailure("out_of_memory", "Too large.")


def make_record(
    status: Status = Status.RUNNING,
    attempt: int = 1,
    version: int = 1,
    *,
    step: int | None = None,
    preview: int | None = None,
    failure: JobFailure | None = None,
    images: Sequence[StoredImage] = (),
) -> JobRecord:
    return JobRecord(
        id="job",
        tenant="alice",
        status=status,
        spec=make_spec(IMAGES),
        attempt=attempt,
        version=version,
        progress=None if step is None else JobProgress(step, IMAGES * STEPS),
        preview=None if preview is None else JobPreview(0, preview, "image/webp", bytes([preview])),
        failure=failure,
        created_at=0.0,
        started_at=None,
        completed_at=None,
        expires_at=None,
        images=tuple(images),
    )


def events_of(states: Sequence[JobRecord], seen: EventId = NOTHING_SEEN) -> Events:
    diff = EventDiff(seen)
    return [event for record in states for event in diff.events(record, None)]


def images_in(events: Events) -> list[int]:
    return [event.image.index for _, event in events if isinstance(event, ImageStored)]


@st.composite
def histories(draw: st.DrawFn) -> list[JobRecord]:
    """Generates the states of a job after each change: attempts that are released or lost, then an end.

    Within an attempt, each version stands for one change: progress, an image or the end.
    """
    states = [make_record(Status.QUEUED, 0)]
    missing = draw(st.permutations(range(IMAGES)))
    stored: list[StoredImage] = []
    attempts = draw(st.integers(1, 3))
    attempt = version = 0
    for number in range(attempts):
        attempt += 1
        version = 1
        states.append(make_record(Status.RUNNING, attempt, version, images=stored))
        for change in draw(st.lists(st.sampled_from(["step", "preview", "image"]), max_size=6)):
            version += 1
            if change == "image" and missing:
                stored.append(make_image(missing.pop(), attempt=attempt, version=version))
            states.append(
                make_record(
                    Status.RUNNING,
                    attempt,
                    version,
                    step=version,
                    preview=version if change == "preview" else None,
                    images=stored,
                )
            )
        if number < attempts - 1 and draw(st.booleans()):
            attempt += 1
            states.append(make_record(Status.QUEUED, attempt, images=stored))
    status = draw(st.sampled_from([Status.SUCCEEDED, Status.FAILED, Status.CANCELED]))
    end = EventId(attempt + 1, 1) if status is Status.CANCELED else EventId(attempt, version + 1)
    failure = FAILURE if status is Status.FAILED else None
    return [*states, make_record(status, *end, failure=failure, images=stored)]


@st.composite
def some_of(draw: st.DrawFn, states: list[JobRecord]) -> list[JobRecord]:
    """Generates the states that a reader sees who looks from time to time and at the end."""
    return [record for record in states[:-1] if draw(st.booleans())] + states[-1:]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_every_image_is_reported_once_and_the_end_once_and_last(data: st.DataObject) -> None:
    history = data.draw(histories())

    events = events_of(data.draw(some_of(history)))

    assert sorted(images_in(events)) == sorted(image.index for image in history[-1].images)
    assert [isinstance(event, JobEnded) for _, event in events] == [False] * (len(events) - 1) + [True]
    assert sum(isinstance(event, JobFailed) for _, event in events) == (history[-1].failure is not None)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_ids_only_grow_and_the_last_event_has_the_greatest(data: st.DataObject) -> None:
    events = events_of(data.draw(some_of(data.draw(histories()))))

    ids = [event_id for event_id, _ in events]
    assert ids == sorted(ids)
    assert ids[-1] > max(ids[:-1])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_reader_that_resumes_from_any_id_gets_exactly_the_rest(data: st.DataObject) -> None:
    history = data.draw(histories())
    seen_until = data.draw(st.integers(1, len(history)))
    before = events_of(history[:seen_until])
    before = before[: data.draw(st.integers(1, len(before)))]
    last_id, _ = before[-1]

    after = events_of(data.draw(some_of(history[seen_until - 1 :])), parse_event_id(str(last_id)))

    events = images_in(before) + images_in(after)
    assert sorted(events) == sorted(image.index for image in history[-1].images)
    assert sum(isinstance(event, JobEnded) for _, event in [*before, *after]) == 1 or seen_all(history[-1], last_id)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_only_the_id_of_the_last_event_means_that_all_was_seen(data: st.DataObject) -> None:
    history = data.draw(histories())

    events = events_of(data.draw(some_of(history)))

    assert [seen_all(history[-1], event_id) for event_id, _ in events] == [False] * (len(events) - 1) + [True]


@pytest.mark.parametrize("given_id", [None, "", "1", "1.x", "-1.2", "1.2.3", "1.2 ", "¹.²", "9" * 10 + ".1", "7.7"])
def test_a_reader_without_a_valid_id_gets_the_current_state(given_id: str | None) -> None:
    record = make_record(version=5, step=3, preview=2, images=[make_image(0, version=3)])

    assert events_of([record], parse_event_id(given_id)) == events_of([record])


def test_the_current_state_is_reported_in_order() -> None:
    record = make_record(version=5, step=3, preview=2, images=[make_image(0, version=3)])

    events = [event for _, event in events_of([record])]

    assert [type(event) for event in events] == [StatusChanged, ImageStored, ProgressMade, PreviewReady]


def test_images_are_reported_in_the_order_in_which_they_were_made() -> None:
    stored = [make_image(2, version=3), make_image(1, version=4), make_image(0, attempt=2, version=2)]

    events = events_of([make_record(Status.RUNNING, 2, 3, images=sorted(stored, key=lambda image: image.index))])

    assert images_in(events) == [2, 1, 0]


def test_an_unchanged_state_is_not_reported_again() -> None:
    record = make_record(version=5, step=3, preview=2)

    assert events_of([record, record]) == events_of([record])
    assert events_of([record, dataclasses.replace(record, version=6)]) == events_of([record])


def test_an_older_state_reports_no_image_again() -> None:
    image = make_image(0, version=5)

    events = events_of([make_record(version=8, images=[image]), make_record(version=4, images=[image])])

    assert images_in(events) == [0]


def test_a_record_that_lags_behind_the_readers_id_reports_no_image_again() -> None:
    early, late = make_image(0, version=3), make_image(1, version=9)
    states = [make_record(version=4, images=[early]), make_record(version=9, images=[early, late])]

    events = events_of(states, EventId(1, 8))

    assert images_in(events) == [1]


def test_an_id_beyond_the_end_is_invalid() -> None:
    record = make_record(Status.SUCCEEDED, version=5, images=[make_image(0, version=3)])

    assert images_in(events_of([record], EventId(1, 6))) == [0]


def test_a_queue_position_is_reported_when_it_changes() -> None:
    diff = EventDiff()
    record = make_record(Status.QUEUED, 0)

    positions = [
        [event.queue_position for _, event in diff.events(record, position) if isinstance(event, ProgressMade)]
        for position in (3, 3, 2)
    ]

    assert positions == [[3], [], [2]]


def test_progress_is_known_of_a_job_that_is_not_running() -> None:
    stored = [make_image(0), make_image(2)]

    assert progress_of(make_record(Status.QUEUED, 0)) == JobProgress(0, IMAGES * STEPS)
    assert progress_of(make_record(Status.QUEUED, 2, images=stored)) == JobProgress(2 * STEPS, IMAGES * STEPS)
    assert progress_of(make_record(Status.SUCCEEDED, step=1)).fraction == 1.0
