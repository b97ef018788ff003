"""The worker's messages and crashes change jobs as they should. The worker here only records what it is sent."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.interface import RgbImage
from service.engine import messages
from service.engine.frontend.admission import DrainSpeed
from service.engine.frontend.dispatcher import Dispatcher
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.interface import ImageFinished, ImagePreview, ImageProgress, ImageStarted, Phase
from service.engine.messages import ToWorker
from service.engine.types import Timings
from service.errors import (
    CanceledError,
    EngineUnavailableError,
    GenerationFailedError,
    PoisonedError,
    ResultDiscardedError,
)
from tests.harness.engine.worker_harness import Clock, make_params

TIMINGS = Timings(0.0, 0.0, 0.0, 0.0, 1.0)
PIXELS = b"\0\0\0"
IMAGE = bytes(3 * make_params().width * make_params().height)


class RecordingWorker:
    """Implements `dispatcher.WorkerLink`."""

    def __init__(self) -> None:
        self.phase = Phase.SERVING
        self.received: list[ToWorker] = []

    def send(self, message: ToWorker) -> None:
        self.received.append(message)


class DispatcherHarness:
    def __init__(self, *, max_unread_images: int = 1000) -> None:
        self.worker = RecordingWorker()
        self.in_flight = InFlightImages()
        self.clock = Clock()
        self.unread = UnreadImages(max_unread_images * len(IMAGE))
        self.dispatcher = Dispatcher(self.in_flight, self.worker, DrainSpeed(), self.unread, self.clock)

    def submit(self, *image_ids: str) -> LocalJob:
        """Admits one job with these images and dispatches it."""
        job = LocalJob(
            "job",
            max_buffered=32,
            unread=self.unread,
            on_cancel=self.dispatcher.cancel,
            on_read=self.dispatcher.dispatch,
        )
        submits = [messages.Submit(image_id, make_params()) for image_id in image_ids]
        self.in_flight.add_job(job, submits, [1.0] * len(submits), now_s=self.clock())
        self.dispatcher.dispatch()
        return job

    def apply(self, *received: messages.ImageMessage) -> None:
        for message in received:
            self.dispatcher.apply(message)

    def received(self, kind: type[messages.Submit | messages.Cancel]) -> list[str]:
        """Returns the ids of the images that the worker was sent in such messages."""
        return [message.image_id for message in self.worker.received if isinstance(message, kind)]


def finished(image_id: str, pixels: bytes = PIXELS) -> messages.Finished:
    return messages.Finished(image_id, 1, 1, pixels, TIMINGS)


def failed(image_id: str) -> messages.Failed:
    return messages.Failed(image_id, "generation_failed", "It failed.")


async def test_messages_about_an_image_become_events_of_its_job() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a")
    harness.apply(
        messages.Started("a"),
        messages.Progress("a", 1, 4, 3.0),
        messages.Preview("a", 0, 1, 1, 1, PIXELS),
        finished("a"),
    )

    assert [event async for event in job.events()] == [
        ImageStarted(0),
        ImageProgress(0, 1, 3.0),
        ImagePreview(0, 0, 1, RgbImage(1, 1, PIXELS)),
        ImageFinished(0, make_params(), RgbImage(1, 1, PIXELS), TIMINGS),
    ]


def test_nothing_is_sent_while_no_worker_serves() -> None:
    harness = DispatcherHarness()
    harness.worker.phase = Phase.RESTARTING
    harness.submit("a")
    assert harness.worker.received == []

    harness.worker.phase = Phase.SERVING
    harness.dispatcher.dispatch()
    assert harness.received(messages.Submit) == ["a"]


async def test_a_failed_image_withdraws_those_that_have_not_started_and_lets_the_others_finish() -> None:
    harness = DispatcherHarness()
    job = harness.submit("bad", "started", "waiting")
    harness.apply(messages.Started("bad"), messages.Started("started"), failed("bad"))
    assert harness.received(messages.Cancel) == ["waiting"]

    harness.apply(messages.Canceled("waiting"), finished("started"))
    events = job.events()
    seen = [await anext(events) for _ in range(3)]
    assert isinstance(seen[-1], ImageFinished)
    with pytest.raises(GenerationFailedError, match="It failed"):
        await anext(events)


async def test_a_canceled_image_stays_in_flight_until_the_worker_confirms() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a")
    job.cancel()
    with pytest.raises(CanceledError):
        await job.result()
    assert len(harness.in_flight) == 1

    harness.apply(messages.Canceled("a"))
    assert len(harness.in_flight) == 0
    await harness.dispatcher.wait_until_empty()


def test_messages_about_an_image_that_has_ended_are_ignored() -> None:
    harness = DispatcherHarness()
    harness.submit("a")
    harness.apply(finished("a"), finished("a"), failed("unknown"))

    assert len(harness.in_flight) == 0


async def test_starts_and_previews_are_published_once_although_a_crash_repeats_them() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a")
    harness.apply(messages.Started("a"), messages.Preview("a", 0, 1, 1, 1, PIXELS))
    harness.dispatcher.worker_crashed()
    harness.clock.advance(2.0)
    harness.dispatcher.dispatch()
    harness.apply(
        messages.Started("a"),
        messages.Preview("a", 0, 1, 1, 1, PIXELS),
        messages.Preview("a", 1, 2, 1, 1, PIXELS),
        finished("a"),
    )

    assert harness.worker.received[-1] == messages.Submit("a", make_params(), waited_s=2.0)
    kinds = [type(event) async for event in job.events()]
    assert kinds == [ImageStarted, ImagePreview, ImagePreview, ImageFinished]


async def test_steps_never_go_back_although_a_crash_or_an_overflow_makes_the_image_begin_again() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a")
    harness.apply(messages.Started("a"), messages.Progress("a", 1, 4, 3.0), messages.Progress("a", 2, 4, 2.0))
    harness.dispatcher.worker_crashed()
    harness.dispatcher.dispatch()
    harness.apply(messages.Started("a"), *(messages.Progress("a", step, 4, 4.0 - step) for step in (1, 2, 3)))
    harness.apply(messages.Retried("a"), *(messages.Progress("a", step, 4, 4.0 - step) for step in (1, 2, 3, 4)))
    harness.apply(finished("a"))

    assert [event.step async for event in job.events() if isinstance(event, ImageProgress)] == [1, 2, 3, 4]


async def test_a_job_that_nobody_reads_pauses_and_goes_on_when_its_reader_comes() -> None:
    harness = DispatcherHarness(max_unread_images=4)
    job = harness.submit("a", "b", "c")
    assert harness.received(messages.Submit) == ["a", "b"]
    harness.apply(finished("a", IMAGE), finished("b", IMAGE))
    assert harness.received(messages.Submit) == ["a", "b"]

    reading = asyncio.create_task(job.result())
    await asyncio.sleep(0)
    assert harness.received(messages.Submit) == ["a", "b", "c"]
    harness.apply(finished("c", IMAGE))
    assert len(await reading) == 3


async def test_a_job_that_is_read_goes_on_beside_one_that_is_not() -> None:
    harness = DispatcherHarness(max_unread_images=4)
    unread = harness.submit("a", "b", "c")
    harness.apply(finished("a", IMAGE), finished("b", IMAGE))

    read = harness.submit("x", "y", "z")
    reading = asyncio.create_task(read.result())
    for image_id in ("x", "y", "z"):
        assert harness.received(messages.Submit)[-1] == image_id
        harness.apply(finished(image_id, IMAGE))
        await asyncio.sleep(0)
    assert len(await reading) == 3
    assert not unread.closed


async def test_the_job_that_has_waited_longest_loses_its_images_and_those_that_are_not_finished() -> None:
    harness = DispatcherHarness(max_unread_images=2)
    lost = harness.submit("a", "b")
    harness.apply(finished("a", IMAGE))
    kept = [harness.submit(image_id) for image_id in ("x", "y")]
    harness.apply(finished("x", IMAGE), finished("y", IMAGE))

    assert [len(await job.result()) for job in kept] == [1, 1]
    with pytest.raises(ResultDiscardedError):
        await lost.result()
    assert len(harness.in_flight) == 0


async def test_a_second_crash_fails_the_image_that_had_started() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a")
    for _ in range(2):
        harness.dispatcher.dispatch()
        harness.apply(messages.Started("a"))
        harness.dispatcher.worker_crashed()

    with pytest.raises(PoisonedError):
        await job.result()


def test_a_canceled_image_ends_with_the_worker_that_cannot_confirm_it() -> None:
    harness = DispatcherHarness()
    harness.submit("a").cancel()
    harness.dispatcher.worker_crashed()

    assert len(harness.in_flight) == 0


async def test_failing_all_ends_every_job() -> None:
    harness = DispatcherHarness()
    jobs = [harness.submit("a"), harness.submit("b")]
    harness.dispatcher.fail_all(EngineUnavailableError("The server is shutting down."))

    for job in jobs:
        with pytest.raises(EngineUnavailableError):
            await job.result()
