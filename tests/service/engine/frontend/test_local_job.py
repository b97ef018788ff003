"""A job gives its caller events in order, from a bounded buffer, and an outcome."""

from __future__ import annotations

import asyncio
import gc

import pytest

from pipelines.interface import RgbImage
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.interface import (
    ImageCheckpoint,
    ImageEvent,
    ImageFinished,
    ImagePreview,
    ImageProgress,
    ImageStarted,
)
from service.engine.types import Timings
from service.errors import CanceledError, GenerationFailedError, ResultDiscardedError
from service.ids import new_job_id
from tests.harness.engine.worker_harness import make_params

PIXEL = RgbImage(1, 1, b"\0\0\0")


def make_job(max_buffered: int = 3, unread: UnreadImages | None = None) -> LocalJob:
    return LocalJob(
        "job_x",
        max_buffered=max_buffered,
        unread=unread or UnreadImages(1 << 20),
        on_cancel=lambda job: job.close(CanceledError()),
        on_read=lambda: None,
    )


def make_finished(index: int) -> ImageFinished:
    return ImageFinished(index, make_params(), PIXEL, Timings(0.0, 0.0, 0.0, 0.0, 1.0))


async def read(job: LocalJob) -> list[ImageEvent]:
    return [event async for event in job.events()]


async def test_events_come_in_order_from_the_beginning() -> None:
    job = make_job()
    events: list[ImageEvent] = [ImageStarted(0), ImageProgress(0, 1, 1.0), make_finished(0)]
    for event in events:
        job.publish(event)
    job.close()

    assert await read(job) == events


async def test_a_waiting_reader_is_woken_by_each_event_and_by_the_end() -> None:
    job = make_job()
    reader = asyncio.create_task(read(job))
    await asyncio.sleep(0)
    job.publish(ImageStarted(0))
    await asyncio.sleep(0)
    job.close()

    assert await reader == [ImageStarted(0)]


async def test_only_the_latest_checkpoint_of_an_image_waits_for_the_reader() -> None:
    job = make_job(max_buffered=5)
    for step in range(1, 9):
        job.publish(ImageProgress(0, step, 1.0) if step % 4 == 0 else ImageCheckpoint(step % 2, step, b""))
    job.close()

    assert await read(job) == [
        ImageProgress(0, 4, 1.0),
        ImageCheckpoint(0, 6, b""),
        ImageCheckpoint(1, 7, b""),
        ImageProgress(0, 8, 1.0),
    ]


async def test_a_slow_reader_loses_the_oldest_progress_and_no_image() -> None:
    job = make_job(max_buffered=3)
    job.publish(ImageStarted(0))
    for step in range(5):
        job.publish(ImageProgress(0, step, 1.0))
        job.publish(make_finished(step))
    job.publish(ImagePreview(0, 0, 5, PIXEL))
    job.close()

    events = await read(job)
    assert [event.step for event in events if isinstance(event, ImageProgress | ImagePreview)] == [3, 4, 5]
    assert sum(isinstance(event, ImageFinished) for event in events) == 5
    assert events[0] == ImageStarted(0)


async def test_the_result_is_in_order_of_index() -> None:
    job = make_job()
    for index in (2, 0, 1):
        job.publish(make_finished(index))
    job.close()

    assert [finished.index for finished in await job.result()] == [0, 1, 2]


async def test_finished_images_come_before_the_error() -> None:
    job = make_job()
    job.publish(make_finished(1))
    job.close(GenerationFailedError())

    reader = job.events()

    assert await anext(reader) == make_finished(1)
    with pytest.raises(GenerationFailedError):
        await anext(reader)


async def test_only_the_first_outcome_counts() -> None:
    job = make_job()
    job.cancel()
    job.cancel()
    job.close()
    job.publish(ImageStarted(0))

    with pytest.raises(CanceledError):
        await job.result()


async def test_a_job_that_has_ended_cannot_be_canceled() -> None:
    job = make_job()
    job.close()
    job.cancel()

    assert await job.result() == []


async def test_finished_images_count_as_unread_until_they_are_read() -> None:
    unread = UnreadImages(1 << 20)
    job = make_job(unread=unread)
    job.publish(make_finished(0))
    job.publish(make_finished(1))
    job.close()
    assert unread.total_bytes == 2 * len(PIXEL.pixels)

    await read(job)
    assert unread.total_bytes == 0


async def test_a_discarded_job_raises_in_place_of_its_images_although_it_had_succeeded() -> None:
    job = make_job()
    job.publish(make_finished(0))
    job.close()
    job.discard()

    with pytest.raises(ResultDiscardedError):
        await job.result()


async def test_a_discarded_job_that_had_failed_keeps_its_error() -> None:
    job = make_job()
    job.publish(make_finished(0))
    job.close(GenerationFailedError())
    job.discard()

    with pytest.raises(GenerationFailedError):
        await job.result()


def test_job_ids_are_unique_and_have_26_characters_of_base32() -> None:
    ids = {new_job_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(job_id.startswith("job_") and len(job_id) == 30 for job_id in ids)
    assert all(set(job_id[4:]) <= set("abcdefghijklmnopqrstuvwxyz234567") for job_id in ids)


def test_a_job_is_sent_what_has_room_in_half_of_the_bound() -> None:
    unread, job = UnreadImages(100), make_job()

    assert unread.may_send(job, 0, 30)
    assert unread.may_send(job, 20, 30)
    assert not unread.may_send(job, 30, 30)


def test_an_image_of_any_size_is_sent_where_nothing_of_its_job_is_outstanding() -> None:
    unread, job, other = UnreadImages(100), make_job(), make_job()
    unread.add(other, 90)
    assert unread.may_send(job, 0, 1000)

    unread.add(job, 1)
    assert not unread.may_send(job, 0, 1)


def test_the_job_whose_reader_has_been_away_longest_is_discarded() -> None:
    unread, away, reading, new = UnreadImages(100), make_job(), make_job(), make_job()
    for job in (reading, away):
        unread.add(job, 20)
        unread.add(job, 20)
    unread.take(reading, 20)
    unread.add(new, 50)

    assert (reading.closed, away.closed, new.closed) == (False, True, False)
    assert unread.total_bytes == 70


def test_as_many_jobs_are_discarded_as_the_bound_takes() -> None:
    unread, jobs = UnreadImages(100), [make_job() for _ in range(5)]
    for job in jobs:
        unread.add(job, 25)
    unread.add(make_job(), 60)

    assert [job.closed for job in jobs] == [True] * 4 + [False]


def test_an_image_alone_is_kept_however_large_it_is() -> None:
    unread, jobs = UnreadImages(100), [make_job(), make_job()]
    unread.add(jobs[0], 1000)
    assert not any(job.closed for job in jobs)

    unread.add(jobs[1], 1000)
    assert [job.closed for job in jobs] == [True, False]


def test_a_job_alone_loses_its_images_where_several_of_them_are_too_many() -> None:
    unread, job = UnreadImages(100), make_job()
    for _ in range(3):
        unread.add(job, 40)

    assert job.closed
    assert unread.total_bytes == 0


def test_a_job_that_nobody_can_read_any_more_counts_no_longer() -> None:
    unread, job = UnreadImages(100), make_job()
    unread.add(job, 20)
    del job
    gc.collect()

    assert unread.total_bytes == 0
