"""The contract of `service.engine.interface` about a full queue: some callers are refused, some wait, and others
are not affected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from service.engine.interface import Engine, Job
from service.errors import DeadlineExceededError, QueueFullError
from tests.harness.engine.local_engine import TIMEOUT_S
from tests.harness.engine.worker_harness import make_params
from tests.service.engine.contract.engines import KINDS, LONG, STEP_S, make, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOM = 4
SHORT = make_params(steps=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """A serving engine with room for `ROOM` images, which the tests share and leave idle."""
    async with started(make(request.param, max_queued_images=ROOM)) as engine:
        yield engine


async def canceled(engine: Engine, *jobs: Job) -> None:
    """Cancels the jobs and waits until the engine is idle."""
    for job in jobs:
        job.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        while engine.backlog_s:  # noqa: ASYNC110 - the interface has no event for it
            await asyncio.sleep(0.01)


async def in_line(submitting: Coroutine[Any, Any, Job]) -> asyncio.Task[Job]:
    """Returns the task of a caller that has joined the line."""
    task = asyncio.create_task(submitting)
    await asyncio.sleep(0)
    return task


async def test_an_idle_engine_admits_a_job_of_any_size(engine: Engine) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await engine.submit([SHORT] * 2 * ROOM).result()) == 2 * ROOM


async def test_a_job_of_several_images_is_admitted_where_a_single_one_would_be(engine: Engine) -> None:
    filling = engine.submit([LONG] * (ROOM - 1))
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await engine.submit([SHORT] * 2 * ROOM).result()) == 2 * ROOM
    await canceled(engine, filling)


@pytest.mark.parametrize("images", [1, 16])
async def test_a_full_queue_refuses_a_job_of_any_size_and_says_when_to_retry(engine: Engine, images: int) -> None:
    filling = engine.submit([LONG] * ROOM)
    with pytest.raises(QueueFullError) as refused:
        engine.submit([SHORT] * images)
    await canceled(engine, filling)

    assert refused.value.retry_after_s is not None
    assert 1 <= refused.value.retry_after_s <= 120


async def test_jobs_of_several_images_get_in_behind_clients_that_keep_the_queue_full(engine: Engine) -> None:
    async def client() -> None:
        while True:
            await (await engine.submit_in_line([make_params(steps=2)])).result()

    clients = [asyncio.create_task(client()) for _ in range(2 * ROOM)]
    await asyncio.sleep(0)
    async with asyncio.timeout(TIMEOUT_S):
        for images in (2, 4, 16):
            job = await engine.submit_in_line([SHORT] * images)
            assert len(await job.result()) == images
    for task in clients:
        task.cancel()
    await asyncio.wait(clients)
    await canceled(engine)


async def test_nobody_passes_the_line(engine: Engine) -> None:
    filling = engine.submit([LONG] * ROOM)
    first = await in_line(engine.submit_in_line([LONG] * ROOM))
    second = await in_line(engine.submit_in_line([LONG]))
    filling.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        admitted = await first
    with pytest.raises(QueueFullError):
        engine.submit([SHORT])
    assert not second.done()
    admitted.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        await canceled(engine, await second)


async def test_a_caller_that_is_canceled_leaves_the_line(engine: Engine) -> None:
    filling = engine.submit([LONG] * ROOM)
    gone, staying = [await in_line(engine.submit_in_line([SHORT])) for _ in range(2)]
    gone.cancel()
    filling.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await (await staying).result()) == 1
    await canceled(engine)
    assert gone.cancelled()


async def test_a_deadline_counts_while_its_caller_waits_in_line(engine: Engine) -> None:
    filling = engine.submit([LONG] * ROOM)
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(DeadlineExceededError):
            await engine.submit_in_line([SHORT], deadline_s=5 * STEP_S)
    late = await in_line(engine.submit_in_line([make_params(steps=40)], deadline_s=45 * STEP_S))
    await asyncio.sleep(10 * STEP_S)
    filling.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        with pytest.raises(DeadlineExceededError):
            await (await late).result()
    await canceled(engine)


async def test_accepted_work_takes_no_room_and_is_not_refused_where_there_is_none(engine: Engine) -> None:
    price_s = engine.price_s([LONG])  # Learned costs change it while images are made.
    accepted = engine.submit([LONG] * 2 * ROOM, accepted=True)
    others = [engine.submit([LONG]) for _ in range(ROOM)]
    with pytest.raises(QueueFullError):
        engine.submit([SHORT])
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await engine.submit([SHORT] * ROOM, accepted=True).result()) == ROOM
    assert engine.backlog_s == pytest.approx(3 * ROOM * price_s)
    await canceled(engine, accepted, *others)
