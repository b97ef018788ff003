"""LocalEngine with two devices gives work to both workers, and serves on with one when it loses the other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Sequence

import pytest

from pipelines.fake import INFO
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import Phase
from service.engine.messages import Finished, Progress, Ready, Started
from service.engine.types import Priority
from service.errors import EngineUnavailableError, PoisonedError
from tests.harness.engine.local_engine import TIMEOUT_S, Observed, make_engine, serving
from tests.harness.engine.worker_harness import make_alone, make_params
from tests.service.engine.contract.engines import started

pytestmark = pytest.mark.integration

DEVICES = ("cpu", "cpu")


def worker_pid(engine: LocalEngine, index: int) -> int:
    process = engine._supervisors[index]._process
    assert process is not None
    return process.pid


async def reach(engine: LocalEngine, index: int, phase: Phase) -> None:
    """Waits until a worker is in this phase."""
    async with asyncio.timeout(TIMEOUT_S):
        while engine._supervisors[index].phase is not phase:  # noqa: ASYNC110 - an engine tells only its own phase
            await asyncio.sleep(0.01)


async def both_at_work(observed: Observed) -> None:
    await observed.until(lambda _: all(count_of(observed, index, Progress) for index in (0, 1)))


def count_of(observed: Observed, worker: int, kind: type[Ready | Progress]) -> int:
    return sum(isinstance(message, kind) for message in observed.of_worker(worker))


def ids_of(observed: Observed, worker: int, kind: type[Started | Finished]) -> set[str]:
    return {message.image_id for message in observed.of_worker(worker) if isinstance(message, kind)}


async def test_all_devices_work_on_the_images_of_one_job() -> None:
    images = [make_params(seed=seed) for seed in range(12)]
    async with serving("--call-s", "0.02", devices=DEVICES) as (engine, observed):
        async with asyncio.timeout(TIMEOUT_S):
            result = await engine.submit(images).result()
        assert engine.model == INFO

    assert [finished.rgb_image.pixels for finished in result] == [make_alone(params) for params in images]
    assert all(ids_of(observed, index, Finished) for index in (0, 1))


async def test_images_of_a_killed_worker_are_finished_by_the_other_one_with_the_same_pixels() -> None:
    # Too many steps for any to end before the kill, and no restart before all are done.
    images = [make_params(seed=seed, steps=100) for seed in range(8)]
    urgent = [make_params(seed=seed, steps=30, width=96) for seed in range(8)]
    async with serving("--call-s", "0.02", max_rows=4, devices=DEVICES, restart_delay_s=TIMEOUT_S) as (
        engine,
        observed,
    ):
        job = engine.submit(images, priority=Priority.BATCH)
        await both_at_work(observed)
        # The urgent images are under way now, and those that they displaced are no suspects.
        urgent_job = engine.submit(urgent)
        await observed.until(
            lambda _: any(
                isinstance(message, Progress) and message.image_id.startswith(urgent_job.id)
                for message in observed.of_worker(0)
            )
        )
        os.kill(worker_pid(engine, 0), signal.SIGKILL)
        await reach(engine, 0, Phase.RESTARTING)
        assert engine.phase is Phase.SERVING
        newcomer = engine.submit([make_params(steps=1)])
        async with asyncio.timeout(TIMEOUT_S):
            await newcomer.result()
            result = [*await job.result(), *await urgent_job.result()]

    assert [finished.rgb_image.pixels for finished in result] == [make_alone(params) for params in [*images, *urgent]]
    moved = ids_of(observed, 0, Started) & ids_of(observed, 1, Finished)
    assert any(image_id.startswith(job.id) for image_id in moved)
    assert count_of(observed, 1, Ready) == 1


async def test_a_poisonous_image_kills_the_worker_of_one_device_twice_and_no_other() -> None:
    others = [make_params(seed=seed, steps=6) for seed in range(8)]
    async with serving("--call-s", "0.02", "--fault", "predict:exit:3", devices=DEVICES) as (engine, observed):
        bad = engine.submit([make_params("poison", steps=6)])
        jobs = [engine.submit([params]) for params in others]
        async with asyncio.timeout(TIMEOUT_S):
            with pytest.raises(PoisonedError):
                await bad.result()
            results = [await job.result() for job in jobs]
        await observed.count(Ready, 4)

    assert [finished.rgb_image.pixels for (finished,) in results] == [make_alone(params) for params in others]
    assert sorted(count_of(observed, index, Ready) for index in (0, 1)) == [1, 3]


async def test_a_device_that_cannot_be_used_is_left_out() -> None:
    options = ("--unloadable", "no such device", "--unloadable-on", "cuda:7")
    engine, observed = make_engine(*options, devices=("cuda:7", "cpu"))
    async with started(engine):
        await reach(engine, 0, Phase.FAILED)
        assert (engine.phase, engine.failure) == (Phase.SERVING, None)
        async with asyncio.timeout(TIMEOUT_S):
            assert len(await engine.submit([make_params()] * 4).result()) == 4

    assert len(ids_of(observed, 1, Finished)) == 4


async def test_the_engine_fails_when_no_device_can_be_used() -> None:
    engine, _ = make_engine("--unloadable", "no such folder", devices=DEVICES)
    async with started(engine, Phase.FAILED):
        assert engine.failure == "no such folder"
        with pytest.raises(EngineUnavailableError) as refused:
            engine.submit([make_params()])

    assert refused.value.retry_after_s is None


async def test_the_engine_is_stalled_only_while_all_workers_are_silent() -> None:
    async with serving(devices=DEVICES, stall_timeout_s=TIMEOUT_S) as (engine, observed):
        os.kill(worker_pid(engine, 0), signal.SIGSTOP)
        await reach(engine, 0, Phase.STALLED)
        phases = [engine.phase]
        async with asyncio.timeout(TIMEOUT_S):
            assert len(await engine.submit([make_params()] * 3).result()) == 3
        os.kill(worker_pid(engine, 1), signal.SIGSTOP)
        await reach(engine, 1, Phase.STALLED)
        phases.append(engine.phase)
        for index in (0, 1):
            os.kill(worker_pid(engine, index), signal.SIGCONT)
        async with asyncio.timeout(TIMEOUT_S):
            await engine.wait_for_phase(Phase.SERVING)

    assert phases == [Phase.SERVING, Phase.STALLED]
    assert len(ids_of(observed, 1, Finished)) == 3


async def finished_by_tenant(engine: LocalEngine, counts: Sequence[tuple[str, int]], *, until: str) -> Counter[str]:
    """Submits images of several tenants, in this order, and returns what is finished when one tenant's are."""
    finished: Counter[str] = Counter()

    async def run(tenant: str, seed: int) -> None:
        await engine.submit([make_params(steps=6, seed=seed)], tenant=tenant).result()
        finished[tenant] += 1

    tasks = [asyncio.create_task(run(tenant, seed), name=tenant) for tenant, count in counts for seed in range(count)]
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(*(task for task in tasks if task.get_name() == until))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    return finished


async def test_tenants_share_all_devices_equally() -> None:
    async with serving("--call-s", "0.02", max_rows=4, devices=DEVICES) as (engine, observed):
        finished = await finished_by_tenant(engine, [("heavy", 80), ("light", 10)], until="light")

    assert finished["light"] == 10
    assert finished["heavy"] < 40, "the heavy tenant came first, but got no more than its share"
    assert all(ids_of(observed, index, Finished) for index in (0, 1))


async def test_a_draining_engine_finishes_the_images_that_no_worker_has_yet() -> None:
    async with serving("--call-s", "0.05", max_rows=2, devices=DEVICES) as (engine, _):
        job = engine.submit([make_params(steps=12)] * 12)
        assert engine._in_flight.unsent
        await engine.stop(drain_s=TIMEOUT_S)
        assert len(await job.result()) == 12
