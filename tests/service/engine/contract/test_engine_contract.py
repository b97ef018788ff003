"""The contract of `service.engine.interface` about the events, the ends and the admission of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.engine.interface import (
    Engine,
    ImageEvent,
    ImageFinished,
    ImagePreview,
    ImageProgress,
    ImageStarted,
    Job,
)
from service.errors import CanceledError, DeadlineExceededError, InvalidRequestError
from tests.harness.engine.local_engine import TIMEOUT_S
from tests.harness.engine.worker_harness import make_params
from tests.service.engine.contract.engines import KINDS, LONG, STEP_S, make, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

INVALID = make_params(width=65)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """A serving engine that the tests share and leave idle."""
    async with started(make(request.param)) as engine:
        yield engine


async def read(job: Job) -> list[ImageEvent]:
    async with asyncio.timeout(TIMEOUT_S):
        return [event async for event in job.events()]


async def until_idle(engine: Engine) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while engine.backlog_s:  # noqa: ASYNC110 - the interface has no event for it
            await asyncio.sleep(0.01)


# The events of a job


async def test_an_image_starts_then_makes_progress_then_is_finished(engine: Engine) -> None:
    images = [make_params(steps=4), make_params(steps=2, seed=8), make_params(steps=3, seed=9)]
    events = await read(engine.submit(images))

    for index, params in enumerate(images):
        first, *progress, last = [event for event in events if event.index == index]
        assert first == ImageStarted(index)
        steps = [event.step for event in progress if isinstance(event, ImageProgress)]
        assert steps == list(range(1, params.steps + 1))
        assert isinstance(last, ImageFinished)


async def test_images_are_generated_and_their_events_are_kept_although_nobody_reads(engine: Engine) -> None:
    job = engine.submit([make_params(steps=3)])
    await until_idle(engine)
    events = await read(job)

    assert events[0] == ImageStarted(0)
    assert isinstance(events[-1], ImageFinished)


async def test_the_result_is_in_order_of_index(engine: Engine) -> None:
    images = [make_params(steps=steps, seed=steps) for steps in (6, 1, 3)]
    async with asyncio.timeout(TIMEOUT_S):
        result = await engine.submit(images).result()

    assert [finished.index for finished in result] == [0, 1, 2]
    assert [finished.params for finished in result] == images
    assert [len(finished.rgb_image.pixels) for finished in result] == [3 * 64 * 64] * 3


async def test_the_eta_falls_with_every_step(engine: Engine) -> None:
    events = await read(engine.submit([make_params(steps=5)]))

    etas_s = [event.eta_s for event in events if isinstance(event, ImageProgress)]
    assert etas_s == sorted(etas_s, reverse=True)
    assert etas_s[0] > etas_s[-1] >= 0


async def test_previews_are_spread_evenly_over_the_steps(engine: Engine) -> None:
    events = await read(engine.submit([make_params(steps=12)], previews=3))

    previews = [(event.preview, event.step) for event in events if isinstance(event, ImagePreview)]
    assert previews == [(0, 3), (1, 6), (2, 9)]


@pytest.mark.parametrize(("steps", "previews", "sent"), [(3, 0, 0), (1, 2, 0), (2, 5, 1)])
async def test_an_image_with_too_few_steps_gets_fewer_previews(
    engine: Engine, steps: int, previews: int, sent: int
) -> None:
    events = await read(engine.submit([make_params(steps=steps)], previews=previews))

    assert sum(isinstance(event, ImagePreview) for event in events) == sent


# Ends


async def test_a_job_canceled_before_anybody_reads_raises_and_leaves_no_backlog(engine: Engine) -> None:
    job = engine.submit([LONG, LONG])
    job.cancel()
    with pytest.raises(CanceledError):
        await job.result()
    await until_idle(engine)


async def test_a_job_canceled_while_it_runs_raises_and_leaves_no_backlog(engine: Engine) -> None:
    job = engine.submit([LONG])
    events = job.events()
    async with asyncio.timeout(TIMEOUT_S):
        assert await anext(events) == ImageStarted(0)
        job.cancel()
        job.cancel()
        with pytest.raises(CanceledError):
            async for _ in events:
                pass
    await until_idle(engine)


async def test_a_job_that_has_ended_keeps_its_images_when_it_is_canceled(engine: Engine) -> None:
    job = engine.submit([make_params(steps=1)])
    await until_idle(engine)
    job.cancel()

    assert len(await job.result()) == 1


async def test_a_job_with_a_failed_image_delivers_the_finished_ones_and_then_raises(engine: Engine) -> None:
    last: dict[int, ImageEvent] = {}
    # The first image and the last one, which fails, begin on the same device.
    images = [make_params(steps=2), make_params(steps=2, seed=8), INVALID]
    job, other = engine.submit(images), engine.submit([make_params(steps=4)])

    async def collect() -> None:
        async for event in job.events():
            last[event.index] = event

    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(InvalidRequestError) as failed:
            await collect()
        assert len(await other.result()) == 1, "other jobs are not affected"

    assert failed.value.field == "width"
    assert isinstance(last[0], ImageFinished)
    assert not isinstance(last.get(2), ImageFinished)
    await until_idle(engine)


async def test_an_image_that_cannot_meet_its_deadline_fails_and_others_are_finished(engine: Engine) -> None:
    hopeless = engine.submit([LONG], deadline_s=50 * STEP_S)
    relaxed, other = engine.submit([make_params()], deadline_s=TIMEOUT_S), engine.submit([make_params()])
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(DeadlineExceededError):
            await hopeless.result()
        assert len(await relaxed.result()) == len(await other.result()) == 1


# Admission


@pytest.mark.parametrize("deadline_s", [0.0, -1.0, float("nan")])
async def test_a_deadline_must_lie_ahead(engine: Engine, deadline_s: float) -> None:
    with pytest.raises(ValueError, match="deadline_s"):
        engine.submit([make_params()], deadline_s=deadline_s)


async def test_a_job_needs_an_image_and_no_negative_number_of_previews(engine: Engine) -> None:
    with pytest.raises(ValueError, match="image"):
        engine.submit([])
    with pytest.raises(ValueError, match="previews"):
        engine.submit([make_params()], previews=-1)


async def test_the_backlog_is_the_price_of_the_images_that_have_not_ended(engine: Engine) -> None:
    images = [make_params(steps=2), make_params(steps=3)]
    price_s = engine.price_s(images)
    assert price_s == pytest.approx(sum(engine.price_s([params]) for params in images))
    assert price_s > 0
    job = engine.submit(images)
    assert engine.backlog_s == pytest.approx(price_s)

    async with asyncio.timeout(TIMEOUT_S):
        await job.result()
    assert engine.backlog_s == 0
