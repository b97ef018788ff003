"""The worker's messages and crashes change jobs as they should. The worker here only records what it is sent."""

from __future__ import annotations

import pytest

from pipelines.interface import RgbImage
from service.engine import messages
from service.engine.frontend.admission import DrainSpeed
from service.engine.frontend.dispatcher import Dispatcher
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.local_job import LocalJob
from service.engine.interface import ImageFinished, ImagePreview, ImageProgress, ImageStarted, Phase
from service.engine.messages import ToWorker
from service.engine.types import Timings
from service.errors import CanceledError, EngineUnavailableError, GenerationFailedError, PoisonedError
from tests.harness.engine.worker_harness import Clock, make_params

TIMINGS = Timings(0.0, 0.0, 0.0, 0.0, 1.0)
PIXELS = b"\0\0\0"


class RecordingWorker:
    """Implements `dispatcher.WorkerLink`."""

    def __init__(self) -> None:
        self.phase = Phase.SERVING
        self.received: list[ToWorker] = []

    def send(self, message: ToWorker) -> None:
        self.received.append(message)


class DispatcherHarness:
    def __init__(self) -> None:
        self.worker = RecordingWorker()
        self.in_flight = InFlightImages()
        self.clock = Clock()
        self.dispatcher = Dispatcher(self.in_flight, self.worker, DrainSpeed(), self.clock)

    def submit(self, *image_ids: str) -> LocalJob:
        """Admits one job with these images and dispatches it."""
        job = LocalJob("job", max_buffered=32, on_cancel=self.dispatcher.cancel)
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


def finished(image_id: str) -> messages.Finished:
    return messages.Finished(image_id, 1, 1, PIXELS, TIMINGS)


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
    harness.dispatcher.worker_crashed(frozenset())
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


async def test_the_image_in_whose_calls_two_workers_died_fails_and_its_neighbors_are_sent_again() -> None:
    harness = DispatcherHarness()
    bad, other = harness.submit("bad"), harness.submit("other")
    for called in (["bad", "other"], ["bad"]):
        harness.dispatcher.worker_crashed(called)
        harness.dispatcher.dispatch()

    with pytest.raises(PoisonedError):
        await bad.result()
    assert harness.received(messages.Submit) == ["bad", "other"] * 2 + ["other"]
    assert not other.closed


def test_a_canceled_image_ends_with_the_worker_that_cannot_confirm_it() -> None:
    harness = DispatcherHarness()
    harness.submit("a").cancel()
    harness.dispatcher.worker_crashed(frozenset())

    assert len(harness.in_flight) == 0


async def test_failing_all_ends_every_job() -> None:
    harness = DispatcherHarness()
    jobs = [harness.submit("a"), harness.submit("b")]
    harness.dispatcher.fail_all(EngineUnavailableError("The server is shutting down."))

    for job in jobs:
        with pytest.raises(EngineUnavailableError):
            await job.result()
