"""LocalEngine with a worker process of its own batches and admits images, and sends the worker its messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pipelines.fake import FakePipeline
from pipelines.interface import Stage
from service.engine import messages
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import ImageStarted
from service.errors import CanceledError, QueueFullError
from tests.harness.engine.local_engine import TIMEOUT_S, Observed, serving
from tests.harness.engine.worker_harness import flat_costs, make_alone, make_params

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

LONG = make_params("long", steps=200)
"""An image of 20 s, with the calls of `shared`, whose end no test awaits."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[tuple[LocalEngine, Observed]]:
    """One engine for all tests, which leave it idle."""
    async with serving("--call-s", "0.1", max_queued_images=12) as pair:
        yield pair


@pytest.fixture
def engine(shared: tuple[LocalEngine, Observed]) -> LocalEngine:
    return shared[0]


@pytest.fixture
def observed(shared: tuple[LocalEngine, Observed]) -> Observed:
    return shared[1]


async def test_a_job_of_several_images_gives_each_the_pixels_of_its_parameters(engine: LocalEngine) -> None:
    images = [make_params(seed=seed, steps=1 + seed) for seed in (3, 1, 2)]
    async with asyncio.timeout(TIMEOUT_S):
        result = await engine.submit(images).result()

    assert engine.failure is None
    assert [finished.rgb_image.pixels for finished in result] == [make_alone(params) for params in images]


async def test_prices_count_with_the_rows_that_the_worker_chose_for_its_device() -> None:
    # Calls of any size take the same time, so that an image costs the less, the more rows a call may have.
    costs, params = flat_costs(64), make_params(steps=10)
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model="fake")))
    prices_s = []
    for max_rows in (4, None, 64):
        max_counts = None if max_rows is None else {Stage.TEXT: 16, Stage.DENOISE: max_rows, Stage.DECODE: 4}
        engine._receive(0, messages.Ready((FakePipeline().info,), costs, max_counts))
        prices_s.append(engine.price_s([params]))

    assert prices_s[0] > prices_s[1] > prices_s[2]


async def test_the_least_time_is_that_of_the_images_alone_on_all_devices() -> None:
    costs, params = flat_costs(4, call_s=2.0), make_params(steps=10)
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model="fake"), devices=("cpu", "cpu")))
    for index in range(2):
        engine._receive(index, messages.Ready((FakePipeline().info,), costs, {Stage.DENOISE: 4}))

    assert engine.least_s([params]) == pytest.approx(10 * 2.0), "each step is a call"
    assert engine.least_s([params] * 8) == pytest.approx(8 * 10 * 2.0 / 2 / 2), "two share a call, on two devices"


async def test_a_job_that_is_more_work_than_the_queue_may_hold_leaves_room_for_others() -> None:
    async with serving("--call-s", "0.1", max_queued_s=0.01) as (engine, _):
        long = engine.submit([LONG])
        async with asyncio.timeout(TIMEOUT_S):
            (image,) = await engine.submit([make_params(steps=1)]).result()
        long.cancel()

    assert image.rgb_image.pixels == make_alone(make_params(steps=1))


async def test_concurrent_jobs_share_calls(engine: LocalEngine, observed: Observed) -> None:
    before = len(observed.messages)
    jobs = [engine.submit([make_params(seed=seed, steps=6)]) for seed in range(5)]
    async with asyncio.timeout(TIMEOUT_S):
        results = await asyncio.gather(*(job.result() for job in jobs))

    calls = [message for message in observed.messages[before:] if isinstance(message, messages.CallDone)]
    assert max(call.rows for call in calls if call.key.stage is Stage.DENOISE) == 10
    assert [finished.rgb_image.pixels for (finished,) in results] == [
        make_alone(make_params(seed=seed, steps=6)) for seed in range(5)
    ]


async def test_a_canceled_job_raises_at_once_and_frees_its_rows(engine: LocalEngine, observed: Observed) -> None:
    job = engine.submit([LONG])
    events = job.events()
    async with asyncio.timeout(TIMEOUT_S):
        assert await anext(events) == ImageStarted(0)
        job.cancel()
        with pytest.raises(CanceledError):
            async for _ in events:
                pass
    canceled = messages.Canceled(f"{job.id}.0")
    await observed.until(lambda messages: canceled in messages)


async def test_a_full_queue_refuses_a_job_and_says_when_to_retry(engine: LocalEngine, observed: Observed) -> None:
    filling = engine.submit([LONG] * 11)
    fitting = engine.submit([make_params()] * 3)
    with pytest.raises(QueueFullError) as full:
        engine.submit([make_params()])
    async with asyncio.timeout(TIMEOUT_S):
        await fitting.result()
    before = sum(isinstance(message, messages.Canceled) for message in observed.messages)
    filling.cancel()
    await observed.count(messages.Canceled, before + 11)

    assert full.value.retry_after_s is not None
    assert 1 <= full.value.retry_after_s <= 120


async def test_an_idle_engine_admits_a_job_beyond_its_bounds(engine: LocalEngine) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await engine.submit([make_params(steps=1)] * 13).result()) == 13
