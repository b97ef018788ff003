"""Who gets the room in a full queue, and when, with a simulated device in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest

from service.errors import DeadlineExceededError, EngineUnavailableError, QueueFullError, QuotaExceededError
from tests.benchmarks import virtual_time
from tests.harness.engine.simulated_engine import IMAGE_S, SimulatedEngine

SIZES = (1, 2, 4, 16)


async def keep_busy(engine: SimulatedEngine, clients: int, images: int = 1, tenant: str = "") -> list[Any]:
    """Starts clients that each send their next job when they have the last one. Returns their tasks."""

    async def client() -> None:
        while True:
            await engine.make(images, tenant)

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    await asyncio.sleep(0)
    return tasks


async def stopped(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def run(work: Coroutine[Any, Any, None]) -> None:
    virtual_time.run(work)


# The order


def test_jobs_of_any_size_get_in_behind_singles_that_keep_the_queue_full() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=64)
        busy = [asyncio.create_task(engine.serve(100.0)), *await keep_busy(engine, clients=80)]
        for images in SIZES:
            waited_s = await engine.make(images)
            assert waited_s <= (80 + images + 1) * IMAGE_S, "those that came before, and the job itself"
        assert sum(engine.finished.values()) == round(virtual_time.now() / IMAGE_S), "the device was never idle"
        assert engine.most_queued <= 64 + max(SIZES) - 1
        await stopped(busy)

    run(work())


def test_jobs_of_all_sizes_at_once_get_the_same_number_of_turns() -> None:
    async def work() -> None:
        engine, turns = SimulatedEngine(max_queued_images=8), Counter[int]()

        async def client(images: int) -> None:
            while True:
                await engine.make(images)
                turns[images] += 1

        clients = [asyncio.create_task(client(images)) for images in SIZES for _ in range(4)]
        await engine.serve(200.0)
        assert max(turns.values()) - min(turns.values()) <= 4
        await stopped(clients)

    run(work())


def test_a_tenant_with_nothing_in_the_queue_waits_for_its_turn_on_the_device_alone() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=8)
        busy = [
            asyncio.create_task(engine.serve(100.0)),
            *await keep_busy(engine, clients=10, images=16, tenant="busy"),
        ]
        await asyncio.sleep(1.0)
        waits_s = [await engine.make(1, "light") for _ in range(5)]
        assert max(waits_s) <= 2 * IMAGE_S, "the image that is being made, and its own"
        await stopped(busy)

    run(work())


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_two_busy_tenants_get_their_shares_whatever_the_size_of_their_jobs(weight: float) -> None:
    async def work() -> None:
        engine = SimulatedEngine({"large": weight}, max_queued_images=16)
        busy = [
            *await keep_busy(engine, clients=20, images=8, tenant="large"),
            *await keep_busy(engine, clients=20, images=1, tenant="small"),
        ]
        await engine.serve(200.0)
        assert engine.finished["large"] == pytest.approx(weight * engine.finished["small"], rel=0.1)
        await stopped(busy)

    run(work())


def test_the_next_job_of_a_tenant_enters_as_its_last_one_ends_whatever_the_others_hold() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1)
        engine.submit(20, "busy")
        first = engine.submit(1, "light")
        with pytest.raises(QueueFullError):
            engine.submit(1, "light")
        waiting = asyncio.create_task(engine.submit_in_line(1, "light"))
        await asyncio.sleep(0)
        first.cancel()
        engine.line.advance()
        assert (await waiting).tenant == "light"
        assert virtual_time.now() == 0.0

    run(work())


def test_nobody_passes_the_line_for_a_further_job() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=2)
        first = engine.submit(2)
        waiting = asyncio.create_task(engine.submit_in_line(4))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(QueueFullError):
            engine.submit()
        engine.line.advance()
        assert (await waiting).unfinished == 4

    run(work())


# Refusals


def test_a_caller_that_comes_back_when_it_was_told_to_is_admitted_and_one_that_comes_sooner_is_not() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=20, max_callers_in_line=4)
        engine.submit(40)
        line = [asyncio.create_task(engine.submit_in_line(10)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError) as refused:
            await engine.submit_in_line(4)
        retry_after_s = refused.value.retry_after_s
        assert retry_after_s is not None
        await engine.serve(retry_after_s - 1.0)
        with pytest.raises(QueueFullError):
            engine.submit(4)
        await engine.serve(1.0)
        assert engine.submit(4).images == 4
        await asyncio.wait(line)

    run(work())


@pytest.mark.parametrize(
    ("bounds", "queued"),
    [({"max_callers_in_line": 0}, 4), ({"max_wait_in_line_s": 0.5}, 10)],
    ids=["no place", "a turn that would come too late"],
)
def test_a_caller_is_refused_at_once(bounds: dict[str, Any], queued: int) -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=4, **bounds)
        engine.submit(queued)
        with pytest.raises(QueueFullError):
            await engine.submit_in_line()
        assert virtual_time.now() == 0.0

    run(work())


def test_one_tenant_leaves_places_in_line_to_others() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1, max_callers_in_line=4)
        engine.submit(1, "busy")
        waiting = [asyncio.create_task(engine.submit_in_line(1, "busy")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await engine.submit_in_line(1, "busy")
        engine.submit(1, "other")
        waiting.append(asyncio.create_task(engine.submit_in_line(1, "other")))
        await engine.serve(6 * IMAGE_S)
        assert [(await job).tenant for job in waiting] == ["busy"] * 3 + ["other"]
        assert [job.tenant for job in engine.jobs] == ["busy", "other", "busy", "other", "busy", "busy"]

    run(work())


def test_a_tenant_at_its_quota_is_refused_although_there_is_a_line() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1, max_queued_s_per_tenant=2.5 * IMAGE_S)
        engine.submit(1, "busy")
        waiting = asyncio.create_task(engine.submit_in_line(2, "busy"))
        await asyncio.sleep(0)
        with pytest.raises(QuotaExceededError):
            await engine.submit_in_line(1, "busy")
        await engine.serve(2 * IMAGE_S)
        assert (await waiting).images == 2

    run(work())


# Leaving the line


def test_a_caller_whose_turn_does_not_come_within_the_time_limit_is_refused() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1, max_wait_in_line_s=7.0)
        engine.submit(1)
        with pytest.raises(QueueFullError):
            await engine.submit_in_line()  # The device does nothing.
        assert (virtual_time.now(), len(engine.line)) == (7.0, 0)

    run(work())


def test_a_caller_leaves_the_line_when_its_deadline_cannot_be_met_any_more() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1)
        engine.submit(1)
        with pytest.raises(DeadlineExceededError):
            await engine.submit_in_line(2, deadline_s=3.0)
        assert virtual_time.now() == pytest.approx(3.0 - IMAGE_S)
        assert len(engine.line) == 0

    run(work())


def test_a_canceled_caller_leaves_its_place_to_the_next() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1)
        engine.submit(1)
        gone, next_one = (asyncio.create_task(engine.submit_in_line(images)) for images in (5, 3))
        await asyncio.sleep(0)
        await stopped([gone])
        await engine.serve(IMAGE_S)
        assert (await next_one).images == 3
        assert len(engine.jobs) == 2

    run(work())


def test_a_caller_that_is_canceled_just_after_it_was_admitted_leaves_no_job_behind() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1)
        first = engine.submit(1)
        gone = asyncio.create_task(engine.submit_in_line(5))
        await asyncio.sleep(0)
        first.cancel()
        engine.line.advance()
        await stopped([gone])
        assert [job.unfinished for job in engine.jobs] == [0, 0]

    run(work())


def test_all_callers_are_told_when_the_line_is_closed() -> None:
    async def work() -> None:
        engine = SimulatedEngine(max_queued_images=1)
        engine.submit(1)
        waiting = [asyncio.create_task(engine.submit_in_line()) for _ in range(2)]
        await asyncio.sleep(0)
        engine.line.refuse_all(EngineUnavailableError("The server is shutting down."))
        errors = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(error) for error in errors] == [EngineUnavailableError] * 2

    run(work())
