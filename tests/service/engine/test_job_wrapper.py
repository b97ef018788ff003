"""A wrapper passes everything on, and collects the images from the events of its subclass."""

from __future__ import annotations

from collections.abc import AsyncIterator

from service.engine.interface import ImageEvent, ImageFinished, ImageProgress
from service.engine.job_wrapper import JobWrapper
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.engine.worker_harness import make_params

IMAGES = [make_params(prompt, steps=2) for prompt in ("a", "b", "c")]


class WithoutTheFirst(JobWrapper):
    """Keeps the first image to itself."""

    async def events(self) -> AsyncIterator[ImageEvent]:
        async for event in super().events():
            if event.index:
                yield event


async def test_everything_is_passed_on() -> None:
    engine = FakeEngine()
    engine.used_s = 2.5
    job = JobWrapper(engine.submit(IMAGES))
    events = [event async for event in job.events()]

    assert job.id == engine.jobs[0].id
    assert job.used_s == engine.jobs[0].used_s == 7.5
    assert {event.step for event in events if isinstance(event, ImageProgress)} == {1, 2}
    assert [event.index for event in events if isinstance(event, ImageFinished)] == [0, 1, 2]


async def test_a_cancellation_is_passed_on() -> None:
    engine = FakeEngine()
    engine.holds_starts = True
    JobWrapper(engine.submit(IMAGES)).cancel()
    assert engine.jobs[0].canceled


async def test_the_result_is_what_the_events_of_the_subclass_bring() -> None:
    assert [image.index for image in await WithoutTheFirst(FakeEngine().submit(IMAGES)).result()] == [1, 2]
