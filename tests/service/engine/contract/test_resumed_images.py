"""The frontend keeps the latest checkpoint of each image, and gives it to the next worker unless it is in doubt."""

from __future__ import annotations

import pytest

from service.engine import messages
from service.engine.frontend.local_job import LocalJob
from service.engine.interface import ImageCheckpoint
from service.errors import GenerationFailedError, OutOfMemoryError
from tests.harness.engine.recording_link import DispatcherHarness
from tests.service.engine.frontend.test_dispatcher import failed, finished


def taken(image_id: str, step: int) -> messages.Checkpoint:
    return messages.Checkpoint(image_id, step, data_at(step))


def data_at(step: int) -> bytes:
    return b"at %d" % step


def submitted(harness: DispatcherHarness) -> dict[str, bytes]:
    """Returns the checkpoint with which each image was submitted last."""
    return {each.image_id: each.checkpoint for each in harness.link.received if isinstance(each, messages.Submit)}


def begin(harness: DispatcherHarness, *image_ids: str) -> LocalJob:
    job = harness.submit(*image_ids)
    harness.apply(*(messages.Started(image_id) for image_id in image_ids))
    return job


async def test_the_reader_gets_the_checkpoints() -> None:
    harness = DispatcherHarness()
    job = begin(harness, "a")
    harness.apply(taken("a", 2), finished("a"), taken("a", 4))

    events = [event async for event in job.events()]
    assert [event for event in events if isinstance(event, ImageCheckpoint)] == [ImageCheckpoint(0, 2, data_at(2))]


async def test_the_next_worker_gets_the_latest_checkpoint_of_each_image() -> None:
    harness = DispatcherHarness()
    begin(harness, "a", "b")
    harness.apply(taken("a", 2), taken("a", 4))
    assert submitted(harness) == {"a": b"", "b": b""}
    harness.die({"a"})

    assert submitted(harness) == {"a": data_at(4), "b": b""}


@pytest.mark.parametrize("called", [{"a"}, set()], ids=["in its call", "between calls"])
async def test_an_image_that_was_resumed_and_loses_its_worker_begins_anew(called: set[str]) -> None:
    harness = DispatcherHarness()
    begin(harness, "a", "b")
    harness.apply(taken("a", 2))
    harness.die({"b"})
    harness.apply(messages.Started("a"), taken("a", 4))
    harness.die(called)

    assert submitted(harness)["a"] == b""


async def test_an_image_that_was_resumed_beside_the_call_of_a_death_is_resumed_again() -> None:
    harness = DispatcherHarness()
    begin(harness, "a")
    begin(harness, "b")
    harness.apply(taken("a", 2))
    harness.die({"b"})
    harness.apply(messages.Started("a"), taken("a", 4))
    harness.die({"b"})

    assert submitted(harness)["a"] == data_at(4)


async def test_an_image_that_fails_after_it_was_resumed_is_made_anew_once() -> None:
    harness = DispatcherHarness()
    job = begin(harness, "a")
    harness.apply(taken("a", 2))
    harness.die({"a"})
    harness.link.received.clear()
    harness.apply(failed("a"))

    assert submitted(harness) == {"a": b""}
    assert not job.closed
    harness.apply(failed("a"))
    with pytest.raises(GenerationFailedError):
        await job.result()


async def test_another_fault_of_a_resumed_image_ends_it() -> None:
    harness = DispatcherHarness()
    job = begin(harness, "a")
    harness.apply(taken("a", 2))
    harness.die({"a"})
    harness.apply(messages.Failed("a", OutOfMemoryError.code, "It does not fit."))

    with pytest.raises(OutOfMemoryError):
        await job.result()


async def test_a_canceled_image_that_fails_after_it_was_resumed_is_not_made_anew() -> None:
    harness = DispatcherHarness()
    job = begin(harness, "a")
    harness.apply(taken("a", 2))
    harness.die({"a"})
    job.cancel()
    harness.link.received.clear()
    harness.apply(failed("a"))

    assert submitted(harness) == {}
    assert len(harness.in_flight) == 0
