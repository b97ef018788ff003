"""The contract of `service.engine.interface` about loading, serving, draining and stopping."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from pipelines.fake import INFO
from service.engine.interface import Phase
from service.errors import EngineUnavailableError
from tests.harness.engine.local_engine import TIMEOUT_S
from tests.harness.engine.worker_harness import make_params
from tests.service.engine.contract.engines import KINDS, LONG, STEP_S, Kind, make, started


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    kind: Kind = request.param
    return kind


async def test_an_engine_loads_and_then_serves_its_model(kind: Kind) -> None:
    engine = make(kind)
    phases = [engine.phase]
    with pytest.raises(EngineUnavailableError):
        _ = engine.model
    async with started(engine):
        phases.append(engine.phase)
        assert engine.model == INFO

    assert phases == [Phase.LOADING, Phase.SERVING]


async def test_every_waiter_is_woken_by_its_phase(kind: Kind) -> None:
    engine = make(kind)
    served = asyncio.create_task(engine.wait_for_phase(Phase.SERVING, Phase.FAILED))
    stopped = asyncio.create_task(engine.wait_for_phase(Phase.STOPPED))
    async with started(engine):
        assert await served is Phase.SERVING
    async with asyncio.timeout(TIMEOUT_S):
        assert await stopped is Phase.STOPPED


async def test_jobs_are_refused_before_the_start_and_after_the_end(kind: Kind) -> None:
    engine = make(kind)
    with pytest.raises(EngineUnavailableError) as early:
        engine.submit([make_params()])
    async with started(engine):
        pass
    with pytest.raises(EngineUnavailableError):
        engine.submit([make_params()])

    assert early.value.retry_after_s is not None


async def test_a_failed_engine_refuses_jobs_and_suggests_no_retry(kind: Kind) -> None:
    async with started(make(kind, loads=False), Phase.FAILED) as engine:
        with pytest.raises(EngineUnavailableError) as refused:
            engine.submit([make_params()])

    assert refused.value.retry_after_s is None


async def test_a_draining_engine_finishes_its_jobs_and_admits_no_more(kind: Kind) -> None:
    async with started(make(kind)) as engine:
        job = engine.submit([make_params(steps=10)])
        stopping = asyncio.create_task(engine.stop(drain_s=TIMEOUT_S))
        await asyncio.sleep(0)
        phases = [engine.phase]
        with pytest.raises(EngineUnavailableError):
            engine.submit([make_params()])
        async with asyncio.timeout(TIMEOUT_S):
            await stopping
        phases.append(engine.phase)

        assert phases == [Phase.DRAINING, Phase.STOPPED]
        assert len(await job.result()) == 1


async def test_callers_in_line_are_refused_when_the_engine_stops(kind: Kind) -> None:
    async with started(make(kind, max_queued_images=1)) as engine:
        engine.submit([LONG])
        waiting = asyncio.create_task(engine.submit_in_line([make_params()]))
        await asyncio.sleep(0)
        stopping = asyncio.create_task(engine.stop(drain_s=TIMEOUT_S))
        with pytest.raises(EngineUnavailableError) as refused:
            await waiting
        stopping.cancel()

    assert refused.value.retry_after_s is not None


@pytest.mark.parametrize("drain_s", [0.0, 5 * STEP_S])
async def test_jobs_that_are_not_finished_in_time_fail_when_the_engine_stops(kind: Kind, drain_s: float) -> None:
    async with started(make(kind)) as engine:
        job = engine.submit([LONG])
        await engine.stop(drain_s)
        with pytest.raises(EngineUnavailableError) as failed:
            await job.result()

        assert engine.phase is Phase.STOPPED
        assert engine.backlog_s == 0
    assert failed.value.retry_after_s is not None


async def test_a_second_stop_ends_a_drain(kind: Kind) -> None:
    async with started(make(kind)) as engine:
        job = engine.submit([LONG])
        draining = asyncio.create_task(engine.stop(drain_s=TIMEOUT_S))
        await asyncio.sleep(0)
        draining.cancel()
        await engine.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await draining
        with pytest.raises(EngineUnavailableError):
            await job.result()

    assert engine.phase is Phase.STOPPED
