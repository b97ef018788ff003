"""What a reader is told of a job, from wherever it has got to: everything, in order, nothing twice."""

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

Told: TypeAlias = list[tuple[EventId, JobEvent]]

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


def tell(looks: Sequence[JobRecord], seen: EventId = NOTHING_SEEN) -> Told:
    diff = EventDiff(seen)
    return [piece for record in looks for piece in diff.events(record, None)]


def images_in(told: Told) -> list[int]:
    return [event.image.index for _, event in told if isinstance(event, ImageStored)]


@st.composite
def histories(draw: st.DrawFn) -> list[JobRecord]:
    """How a job stood after each thing that happened to it: attempts that are given back or lost, then an end.

    Within an attempt a version is one thing: progress, an image, or the end.
    """
    looks = [make_record(Status.QUEUED, 0)]
    missing = draw(st.permutations(range(IMAGES)))
    made: list[StoredImage] = []
    attempts = draw(st.integers(1, 3))
    attempt = version = 0
    for number in range(attempts):
        attempt += 1
        version = 1
        looks.append(make_record(Status.RUNNING, attempt, version, images=made))
        for happens in draw(st.lists(st.sampled_from(["step", "preview", "image"]), max_size=6)):
            version += 1
            if happens == "image" and missing:
                made.append(make_image(missing.pop(), attempt=attempt, version=version))
            looks.append(
                make_record(
                    Status.RUNNING,
                    attempt,
                    version,
                    step=version,
                    preview=version if happens == "preview" else None,
                    images=made,
                )
            )
        if number < attempts - 1 and draw(st.booleans()):
            attempt += 1
            looks.append(make_record(Status.QUEUED, attempt, images=made))
    status = draw(st.sampled_from([Status.SUCCEEDED, Status.FAILED, Status.CANCELED]))
    end = EventId(attempt + 1, 1) if status is Status.CANCELED else EventId(attempt, version + 1)
    failure = FAILURE if status is Status.FAILED else None
    return [*looks, make_record(status, *end, failure=failure, images=made)]


@st.composite
def some_of(draw: st.DrawFn, looks: list[JobRecord]) -> list[JobRecord]:
    """What a reader sees of them who looks now and then, and at the end."""
    return [record for record in looks[:-1] if draw(st.booleans())] + looks[-1:]


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_every_image_is_told_once_and_the_end_once_and_last(data: st.DataObject) -> None:
    history = data.draw(histories())

    told = tell(data.draw(some_of(history)))

    assert sorted(images_in(told)) == sorted(image.index for image in history[-1].images)
    assert [isinstance(event, JobEnded) for _, event in told] == [False] * (len(told) - 1) + [True]
    assert sum(isinstance(event, JobFailed) for _, event in told) == (history[-1].failure is not None)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_ids_only_grow_and_the_ends_is_after_all_others(data: st.DataObject) -> None:
    told = tell(data.draw(some_of(data.draw(histories()))))

    ids = [event_id for event_id, _ in told]
    assert ids == sorted(ids)
    assert ids[-1] > max(ids[:-1])


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_from_any_id_that_was_told_on_a_reader_gets_exactly_the_rest(data: st.DataObject) -> None:
    history = data.draw(histories())
    seen_until = data.draw(st.integers(1, len(history)))
    before = tell(history[:seen_until])
    before = before[: data.draw(st.integers(1, len(before)))]
    last_id, _ = before[-1]

    after = tell(data.draw(some_of(history[seen_until - 1 :])), parse_event_id(str(last_id)))

    told = images_in(before) + images_in(after)
    assert sorted(told) == sorted(image.index for image in history[-1].images)
    assert sum(isinstance(event, JobEnded) for _, event in [*before, *after]) == 1 or seen_all(history[-1], last_id)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_only_the_end_has_been_seen_by_whoever_has_its_id(data: st.DataObject) -> None:
    history = data.draw(histories())

    told = tell(data.draw(some_of(history)))

    assert [seen_all(history[-1], event_id) for event_id, _ in told] == [False] * (len(told) - 1) + [True]


@pytest.mark.parametrize("given_id", [None, "", "1", "1.x", "-1.2", "1.2.3", "1.2 ", "¹.²", "9" * 10 + ".1", "7.7"])
def test_without_an_id_of_ours_a_reader_gets_how_things_stand(given_id: str | None) -> None:
    record = make_record(version=5, step=3, preview=2, images=[make_image(0, version=3)])

    assert tell([record], parse_event_id(given_id)) == tell([record])


def test_how_things_stand_is_told_in_order() -> None:
    record = make_record(version=5, step=3, preview=2, images=[make_image(0, version=3)])

    told = [event for _, event in tell([record])]

    assert [type(event) for event in told] == [StatusChanged, ImageStored, ProgressMade, PreviewReady]


def test_images_are_told_in_the_order_in_which_they_were_made() -> None:
    made = [make_image(2, version=3), make_image(1, version=4), make_image(0, attempt=2, version=2)]

    told = tell([make_record(Status.RUNNING, 2, 3, images=sorted(made, key=lambda image: image.index))])

    assert images_in(told) == [2, 1, 0]


def test_what_has_not_changed_is_not_told_again() -> None:
    record = make_record(version=5, step=3, preview=2)

    assert tell([record, record]) == tell([record])
    assert tell([record, dataclasses.replace(record, version=6)]) == tell([record])


def test_a_look_at_an_older_state_tells_no_image_again() -> None:
    image = make_image(0, version=5)

    told = tell([make_record(version=8, images=[image]), make_record(version=4, images=[image])])

    assert images_in(told) == [0]


def test_no_image_is_told_again_where_the_record_lags_behind_what_another_process_told() -> None:
    early, late = make_image(0, version=3), make_image(1, version=9)
    looks = [make_record(version=4, images=[early]), make_record(version=9, images=[early, late])]

    told = tell(looks, EventId(1, 8))

    assert images_in(told) == [1]


def test_an_id_beyond_the_end_is_none_of_ours() -> None:
    record = make_record(Status.SUCCEEDED, version=5, images=[make_image(0, version=3)])

    assert images_in(tell([record], EventId(1, 6))) == [0]


def test_a_place_in_the_queue_is_news_when_it_changes() -> None:
    diff = EventDiff()
    record = make_record(Status.QUEUED, 0)

    positions = [
        [event.queue_position for _, event in diff.events(record, position) if isinstance(event, ProgressMade)]
        for position in (3, 3, 2)
    ]

    assert positions == [[3], [], [2]]


def test_progress_is_known_also_of_a_job_that_nobody_runs() -> None:
    made = [make_image(0), make_image(2)]

    assert progress_of(make_record(Status.QUEUED, 0)) == JobProgress(0, IMAGES * STEPS)
    assert progress_of(make_record(Status.QUEUED, 2, images=made)) == JobProgress(2 * STEPS, IMAGES * STEPS)
    assert progress_of(make_record(Status.SUCCEEDED, step=1)).fraction == 1.0
