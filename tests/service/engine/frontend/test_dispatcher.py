"""The workers' messages and deaths change jobs. The workers here only record the messages that they get."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from structlog.testing import capture_logs

from pipelines.interface import RgbImage
from pipelines.prompts.lengths import PromptLengths, TextLength
from service.engine import messages
from service.engine.interface import ImageFinished, ImagePreview, ImageProgress, ImageStarted, Phase
from service.engine.types import Timings
from service.errors import (
    CanceledError,
    DeadlineExceededError,
    EngineUnavailableError,
    GenerationFailedError,
    PoisonedError,
    ResultDiscardedError,
)
from tests.harness.engine.local_engine import TIMEOUT_S
from tests.harness.engine.recording_link import IMAGE_BYTES, DispatcherHarness
from tests.harness.engine.worker_harness import make_params

TIMINGS = Timings(0.0, 0.0, 0.0, 0.0, 1.0)
LENGTHS = PromptLengths(prompt=TextLength(read=75, total=90))
PIXELS = b"\0\0\0"
IMAGE = bytes(IMAGE_BYTES)


def finished(image_id: str, pixels: bytes = PIXELS) -> messages.Finished:
    return messages.Finished(image_id, 1, 1, pixels, TIMINGS, LENGTHS)


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
        ImageFinished(0, make_params(), RgbImage(1, 1, PIXELS), TIMINGS, LENGTHS),
    ]


def test_nothing_is_sent_while_no_worker_serves() -> None:
    harness = DispatcherHarness()
    harness.link.phase = Phase.RESTARTING
    harness.submit("a")
    assert harness.link.received == []

    harness.link.phase = Phase.SERVING
    harness.dispatcher.dispatch()
    assert harness.link.submitted == ["a"]


async def test_a_failed_image_withdraws_those_that_have_not_started_and_lets_the_others_finish() -> None:
    harness = DispatcherHarness()
    job = harness.submit("bad", "started", "waiting")
    harness.apply(messages.Started("bad"), messages.Started("started"), failed("bad"))
    assert harness.link.canceled == ["waiting"]

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
    harness.clock.advance(2.0)
    harness.die()
    harness.apply(
        messages.Started("a"),
        messages.Preview("a", 0, 1, 1, 1, PIXELS),
        messages.Preview("a", 1, 2, 1, 1, PIXELS),
        finished("a"),
    )

    assert harness.link.received[-1] == messages.Submit("a", make_params(), waited_s=2.0)
    kinds = [type(event) async for event in job.events()]
    assert kinds == [ImageStarted, ImagePreview, ImagePreview, ImageFinished]


async def test_steps_never_go_back_although_a_crash_or_an_overflow_makes_the_image_begin_again() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a")
    harness.apply(messages.Started("a"), messages.Progress("a", 1, 4, 3.0), messages.Progress("a", 2, 4, 2.0))
    harness.die()
    harness.apply(messages.Started("a"), *(messages.Progress("a", step, 4, 4.0 - step) for step in (1, 2, 3)))
    harness.apply(messages.Retried("a"), *(messages.Progress("a", step, 4, 4.0 - step) for step in (1, 2, 3, 4)))
    harness.apply(finished("a"))

    assert [event.step async for event in job.events() if isinstance(event, ImageProgress)] == [1, 2, 3, 4]


async def test_a_job_that_nobody_reads_pauses_and_goes_on_when_its_reader_comes() -> None:
    harness = DispatcherHarness(max_unread_images=4)
    job = harness.submit("a", "b", "c")
    assert harness.link.submitted == ["a", "b"]
    harness.apply(finished("a", IMAGE), finished("b", IMAGE))
    assert harness.link.submitted == ["a", "b"]

    reading = asyncio.create_task(job.result())
    await asyncio.sleep(0)
    assert harness.link.submitted == ["a", "b", "c"]
    harness.apply(finished("c", IMAGE))
    assert len(await reading) == 3


async def test_a_job_that_is_read_goes_on_beside_one_that_is_not() -> None:
    harness = DispatcherHarness(max_unread_images=4)
    unread = harness.submit("a", "b", "c")
    harness.apply(finished("a", IMAGE), finished("b", IMAGE))

    read = harness.submit("x", "y", "z")
    reading = asyncio.create_task(read.result())
    for image_id in ("x", "y", "z"):
        assert harness.link.submitted[-1] == image_id
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


async def test_the_image_in_whose_calls_two_workers_died_fails_and_its_neighbors_are_sent_again() -> None:
    harness = DispatcherHarness()
    bad, other = harness.submit("bad"), harness.submit("other")
    harness.die(["bad", "other"])
    assert harness.link.submitted == ["bad", "other"]
    harness.die(["bad"])

    with pytest.raises(PoisonedError):
        await bad.result()
    assert harness.link.submitted == ["other"]
    assert not other.closed


def test_a_canceled_image_ends_with_the_worker_that_cannot_confirm_it() -> None:
    harness = DispatcherHarness()
    harness.submit("a").cancel()
    harness.die()

    assert len(harness.in_flight) == 0


async def test_failing_all_ends_every_job() -> None:
    harness = DispatcherHarness()
    jobs = [harness.submit("a"), harness.submit("b")]
    harness.dispatcher.fail_all(EngineUnavailableError("The server is shutting down."))

    for job in jobs:
        with pytest.raises(EngineUnavailableError):
            await job.result()


def test_the_images_of_a_dead_worker_go_to_another_one_and_its_suspects_wait_for_its_successor() -> None:
    harness = DispatcherHarness(devices=2)
    harness.submit("a", "b", "c", "d")
    assert [link.submitted for link in harness.links] == [["a", "c"], ["b", "d"]]
    harness.links[0].phase = Phase.RESTARTING
    harness.die(["a"])
    assert [link.submitted for link in harness.links] == [[], ["b", "d", "c"]]

    harness.links[0].phase = Phase.SERVING
    harness.dispatcher.dispatch()
    assert [link.submitted for link in harness.links] == [["a"], ["b", "d", "c"]]


def test_an_image_is_canceled_where_it_was_sent() -> None:
    harness = DispatcherHarness(devices=2)
    harness.submit("a")
    job = harness.submit("b")
    job.cancel()

    assert [link.canceled for link in harness.links] == [[], ["b"]]


async def test_an_unsent_image_fails_as_soon_as_it_cannot_meet_its_deadline() -> None:
    harness = DispatcherHarness()
    harness.link.phase = Phase.RESTARTING
    hopeless, patient = harness.submit("hopeless", deadline_s=0.05), harness.submit("patient", deadline_s=3600.0)
    harness.clock.advance(0.05)
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(DeadlineExceededError):
            await hopeless.result()
    harness.link.phase = Phase.SERVING
    harness.dispatcher.dispatch()

    assert harness.link.submitted == ["patient"]
    assert not patient.closed


async def test_a_finished_image_counts_with_its_measured_seconds_and_a_canceled_one_with_its_steps() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a", "b", "c")
    measured = msgspec.structs.replace(TIMINGS, device_s=0.75)

    harness.apply(messages.Progress("a", 4, 4, 0.0), messages.Progress("b", 1, 4, 3.0))
    harness.apply(messages.Finished("a", 1, 1, PIXELS, measured, LENGTHS))
    job.cancel()
    harness.apply(messages.Canceled("b"), messages.Canceled("c"))

    assert job.used_s == 0.75 + 0.25


async def test_a_failed_image_counts_with_its_steps() -> None:
    harness = DispatcherHarness()
    job = harness.submit("a")

    harness.apply(messages.Progress("a", 2, 4, 1.0), failed("a"))

    assert job.used_s == 0.5


def test_the_log_says_whose_image_ended_its_worker() -> None:
    harness = DispatcherHarness()
    harness.submit("a", log_ids={"request_id": "req_1", "tenant": "alice"})

    with capture_logs() as lines:
        for _ in range(2):
            harness.die(["a"])
            harness.dispatcher.dispatch()

    assert [(line["image_id"], line["request_id"], line["tenant"]) for line in lines] == [("a", "req_1", "alice")]
