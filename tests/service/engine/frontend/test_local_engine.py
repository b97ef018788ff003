"""LocalEngine with a worker process of its own, in fair weather and under load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from service.engine import messages
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import ImageFinished, ImagePreview, ImageProgress, ImageStarted, JobEvent, Phase
from service.errors import (
    CanceledError,
    DeadlineExceededError,
    EngineUnavailableError,
    InvalidRequestError,
    QueueFullError,
)
from tests.harness.local_engine import TIMEOUT_S, Observed, make_engine, serving
from tests.harness.worker_harness import make_alone, make_params

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

FOREVER = make_params("forever", steps=200)
"""Of 20 s, with the calls of `shared`: no test waits for its end."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[tuple[LocalEngine, Observed]]:
    """One engine for the tests that leave it as they found it."""
    async with serving("--call-s", "0.1", max_queued_images=12) as pair:
        yield pair


@pytest.fixture
def engine(shared: tuple[LocalEngine, Observed]) -> LocalEngine:
    return shared[0]


@pytest.fixture
def observed(shared: tuple[LocalEngine, Observed]) -> Observed:
    return shared[1]


async def test_a_serving_engine_knows_its_model(engine: LocalEngine) -> None:
    assert engine.phase is Phase.SERVING
    assert engine.model.name == "darkroom-fake"
    assert engine.failure is None


async def test_a_job_of_several_images_gives_them_in_order(engine: LocalEngine) -> None:
    images = [make_params(seed=seed, steps=1 + seed) for seed in (3, 1, 2)]
    async with asyncio.timeout(TIMEOUT_S):
        result = await engine.submit(images).result()

    assert [finished.params for finished in result] == images
    assert [finished.rgb_image.pixels for finished in result] == [make_alone(params) for params in images]


async def test_a_job_tells_its_life_as_it_goes(engine: LocalEngine) -> None:
    job = engine.submit([make_params(steps=4)], previews=1)
    async with asyncio.timeout(TIMEOUT_S):
        told = [event async for event in job.events()]

    assert [type(event) for event in told] == [
        ImageStarted,
        ImageProgress,
        ImageProgress,
        ImagePreview,
        ImageProgress,
        ImageProgress,
        ImageFinished,
    ]


async def test_concurrent_jobs_share_calls(engine: LocalEngine, observed: Observed) -> None:
    before = len(observed.messages)
    jobs = [engine.submit([make_params(seed=seed, steps=6)]) for seed in range(5)]
    async with asyncio.timeout(TIMEOUT_S):
        results = await asyncio.gather(*(job.result() for job in jobs))

    rows = [message.rows for message in observed.messages[before:] if isinstance(message, messages.CallDone)]
    assert max(rows) == 10
    assert [finished.rgb_image.pixels for (finished,) in results] == [
        make_alone(make_params(seed=seed, steps=6)) for seed in range(5)
    ]


async def test_a_canceled_job_raises_at_once_and_frees_its_rows(engine: LocalEngine, observed: Observed) -> None:
    job = engine.submit([FOREVER])
    reader = job.events()
    async with asyncio.timeout(TIMEOUT_S):
        assert await anext(reader) == ImageStarted(0)
        job.cancel()
        with pytest.raises(CanceledError):
            async for _ in reader:
                pass
    canceled = messages.Canceled(f"{job.id}.0")
    await observed.until(lambda messages: canceled in messages)


async def test_a_full_queue_says_when_to_try_again(engine: LocalEngine, observed: Observed) -> None:
    filling = engine.submit([FOREVER] * 10)
    with pytest.raises(QueueFullError) as full:
        engine.submit([make_params()] * 3)
    fitting = engine.submit([make_params()] * 2)
    async with asyncio.timeout(TIMEOUT_S):
        await fitting.result()
    before = sum(isinstance(message, messages.Canceled) for message in observed.messages)
    filling.cancel()
    await observed.count(messages.Canceled, before + 10)

    assert full.value.retry_after_s is not None
    assert 1 <= full.value.retry_after_s <= 120


async def test_an_empty_engine_takes_a_job_beyond_its_bounds(engine: LocalEngine) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await engine.submit([make_params(steps=1)] * 13).result()) == 13


async def test_a_job_with_a_bad_image_gives_the_good_ones_and_then_raises(engine: LocalEngine) -> None:
    job = engine.submit([make_params(steps=2), make_params(width=65)])
    last: dict[int, type[JobEvent]] = {}

    async def read() -> None:
        async for event in job.events():
            last[event.index] = type(event)

    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(InvalidRequestError) as error:
            await read()

    assert last[0] is ImageFinished
    assert error.value.field == "width"


@pytest.mark.parametrize("deadline_s", [0.0, -1.0, float("nan")])
async def test_a_deadline_lies_ahead(engine: LocalEngine, deadline_s: float) -> None:
    with pytest.raises(ValueError, match="deadline"):
        engine.submit([make_params()], deadline_s=deadline_s)


async def test_a_job_that_cannot_meet_its_deadline_fails_and_its_company_does_not(engine: LocalEngine) -> None:
    hopeless, mate = engine.submit([FOREVER], deadline_s=5.0), engine.submit([make_params()])
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(DeadlineExceededError):
            await hopeless.result()
        assert await mate.result()


async def test_progress_tells_when_the_image_should_be_finished(engine: LocalEngine) -> None:
    job = engine.submit([make_params(steps=5)])
    async with asyncio.timeout(TIMEOUT_S):
        etas_s = [event.eta_s async for event in job.events() if isinstance(event, ImageProgress)]

    assert etas_s == sorted(etas_s, reverse=True)
    assert etas_s[0] > etas_s[-1] >= 0


async def test_who_waits_for_a_phase_is_woken_by_it() -> None:
    engine, _ = make_engine()
    waiting = asyncio.create_task(engine.wait_for_phase(Phase.SERVING, Phase.FAILED))
    stopping = asyncio.create_task(engine.wait_for_phase(Phase.STOPPED))
    await engine.start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            assert await waiting is Phase.SERVING
    finally:
        await engine.stop()
    assert await stopping is Phase.STOPPED


async def test_an_engine_that_drains_finishes_its_jobs_and_takes_no_more() -> None:
    async with serving("--call-s", "0.01") as (engine, observed):
        job = engine.submit([make_params(steps=30)])
        await observed.count(messages.Started)
        stopping = asyncio.create_task(engine.stop(drain_s=TIMEOUT_S))
        await asyncio.sleep(0)
        draining = engine.phase
        with pytest.raises(EngineUnavailableError):
            engine.submit([make_params()])
        async with asyncio.timeout(TIMEOUT_S):
            (finished,) = await job.result()
            await stopping

    assert finished.rgb_image.pixels == make_alone(make_params(steps=30))
    assert (draining, engine.phase) == (Phase.DRAINING, Phase.STOPPED)


async def test_what_does_not_finish_while_the_engine_drains_is_told_to_come_back() -> None:
    async with serving("--call-s", "0.1") as (engine, observed):
        job = engine.submit([FOREVER])
        await observed.count(messages.Started)
        await engine.stop(drain_s=0.0)
        with pytest.raises(EngineUnavailableError) as error:
            await job.result()

    assert error.value.retry_after_s is not None


async def test_a_hurried_stop_cuts_a_drain_short() -> None:
    async with serving("--call-s", "0.1") as (engine, observed):
        job = engine.submit([FOREVER])
        await observed.count(messages.Started)
        draining = asyncio.create_task(engine.stop(drain_s=TIMEOUT_S))
        await asyncio.sleep(0)
        draining.cancel()
        await engine.stop()
        with pytest.raises(EngineUnavailableError):
            await job.result()

    assert engine.phase is Phase.STOPPED


async def test_an_engine_that_loads_refuses_jobs_for_now() -> None:
    engine, _ = make_engine()
    await engine.start()
    try:
        assert engine.phase is Phase.LOADING
        with pytest.raises(EngineUnavailableError) as error:
            engine.submit([make_params()])
        with pytest.raises(EngineUnavailableError):
            _ = engine.model
    finally:
        await engine.stop()
    assert error.value.retry_after_s is not None
