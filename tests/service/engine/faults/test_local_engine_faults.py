"""LocalEngine when its worker crashes, hangs, cannot load, or loses its engine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable

import pytest

from service.engine import messages
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import Phase
from service.engine.messages import FromWorker
from service.errors import EngineUnavailableError, PoisonedError
from tests.harness.engine.local_engine import TIMEOUT_S, make_engine, serving
from tests.harness.engine.worker_harness import make_alone, make_params

pytestmark = pytest.mark.integration


def worker_pid(engine: LocalEngine) -> int:
    process = engine._supervisors[0]._process
    assert process is not None
    return process.pid


async def reach(engine: LocalEngine, phase: Phase) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        await engine.wait_for_phase(phase)


def progress_of(job_id: str, index: int) -> Callable[[list[FromWorker]], bool]:
    """Returns a condition that holds once this image has made progress."""
    image_id = f"{job_id}.{index}"
    return lambda received: any(
        isinstance(message, messages.Progress) and message.image_id == image_id for message in received
    )


async def test_images_of_a_killed_worker_are_generated_again_with_the_same_pixels() -> None:
    images = [make_params(seed=seed, steps=8) for seed in range(3)]
    async with serving("--call-s", "0.02", max_rows=4) as (engine, observed):
        job = engine.submit(images)
        await observed.until(progress_of(job.id, 0))
        os.kill(worker_pid(engine), signal.SIGKILL)
        await reach(engine, Phase.RESTARTING)
        with pytest.raises(EngineUnavailableError):
            engine.submit([make_params()])
        async with asyncio.timeout(TIMEOUT_S):
            result = await job.result()

        assert engine.phase is Phase.SERVING
    assert [finished.rgb_image.pixels for finished in result] == [make_alone(params) for params in images]


async def test_an_image_that_crashes_its_worker_twice_is_poisoned_and_the_others_are_finished() -> None:
    others = [make_params(seed=seed, steps=6) for seed in range(3)]
    async with serving("--call-s", "0.02", "--fault", "predict:exit:3") as (engine, observed):
        jobs = [engine.submit([params]) for params in others]
        bad = engine.submit([make_params("poison", steps=6)])
        async with asyncio.timeout(TIMEOUT_S):
            results = [await job.result() for job in jobs]
            with pytest.raises(PoisonedError):
                await bad.result()

    assert [finished.rgb_image.pixels for (finished,) in results] == [make_alone(params) for params in others]
    assert sum(isinstance(message, messages.Ready) for message in observed.messages) <= 3


async def test_a_poisonous_image_in_a_full_call_costs_two_deaths_and_only_the_suspects_are_kept_apart() -> None:
    others = [make_params(seed=seed, steps=6) for seed in range(11)]
    async with serving("--call-s", "0.02", "--fault", "predict:exit:3", max_rows=8) as (engine, observed):
        jobs = [engine.submit([params]) for params in others[:5]]
        bad = engine.submit([make_params("poison", steps=6)])
        jobs += [engine.submit([params]) for params in others[5:]]
        await observed.count(messages.Ready, 2)
        between = len(observed.messages)
        async with asyncio.timeout(TIMEOUT_S):
            with pytest.raises(PoisonedError):
                await bad.result()
            results = [await job.result() for job in jobs]

    assert [finished.rgb_image.pixels for (finished,) in results] == [make_alone(params) for params in others]
    assert sum(isinstance(message, messages.Ready) for message in observed.messages) == 3
    rows = [message.rows for message in observed.messages[between:] if isinstance(message, messages.CallDone)]
    assert max(rows) == 8, "images that are no suspects share calls as before"
    assert 2 in rows, "suspects do not"


async def test_a_newcomer_is_served_beside_the_suspects() -> None:
    async with serving("--call-s", "0.02", max_rows=4) as (engine, observed):
        jobs = [engine.submit([make_params(seed=seed, steps=100)]) for seed in range(6)]
        await observed.until(progress_of(jobs[0].id, 0))
        os.kill(worker_pid(engine), signal.SIGKILL)
        await observed.count(messages.Ready, 2)
        async with asyncio.timeout(TIMEOUT_S):
            assert await engine.submit([make_params(steps=4)]).result()
        assert sum(isinstance(message, messages.Finished) for message in observed.messages) == 1, "no suspect is done"
        for job in jobs:
            job.cancel()


async def test_a_worker_that_hangs_is_killed_and_its_image_is_poisoned_the_second_time() -> None:
    async with serving("--fault", "predict:hang:2", stall_timeout_s=4.0) as (engine, observed):
        bad = engine.submit([make_params("poison")])
        async with asyncio.timeout(TIMEOUT_S):
            with pytest.raises(PoisonedError):
                await bad.result()
            await observed.count(messages.Ready, 3)
            assert await engine.submit([make_params()]).result()


async def test_a_stopped_worker_makes_the_engine_unready_and_a_continued_one_ready_again() -> None:
    async with serving(stall_timeout_s=TIMEOUT_S) as (engine, _):
        os.kill(worker_pid(engine), signal.SIGSTOP)
        await reach(engine, Phase.STALLED)
        job = engine.submit([make_params()])
        os.kill(worker_pid(engine), signal.SIGCONT)
        await reach(engine, Phase.SERVING)
        async with asyncio.timeout(TIMEOUT_S):
            assert await job.result()


async def test_a_worker_that_stays_stopped_is_replaced_and_its_images_are_finished() -> None:
    async with serving("--call-s", "0.02", stall_timeout_s=3.0) as (engine, observed):
        job = engine.submit([make_params(steps=50)])
        await observed.until(progress_of(job.id, 0))
        os.kill(worker_pid(engine), signal.SIGSTOP)
        async with asyncio.timeout(TIMEOUT_S):
            (finished,) = await job.result()

    assert finished.rgb_image.pixels == make_alone(make_params(steps=50))


async def test_accepted_work_is_taken_while_the_worker_is_replaced() -> None:
    async with serving() as (engine, _):
        os.kill(worker_pid(engine), signal.SIGKILL)
        await reach(engine, Phase.RESTARTING)
        with pytest.raises(EngineUnavailableError):
            engine.submit([make_params()])
        job = engine.submit([make_params()], accepted=True)
        async with asyncio.timeout(TIMEOUT_S):
            assert await job.result()


async def test_a_stuck_worker_writes_its_stacks(capfd: pytest.CaptureFixture[str]) -> None:
    async with serving("--fault", "predict:hang:0", stall_timeout_s=3.0, unmeasured_timeout_s=3.0) as (
        engine,
        observed,
    ):
        engine.submit([make_params("poison")])
        await observed.count(messages.Ready, 2)

    assert "in predict" in capfd.readouterr().err


async def test_a_worker_is_not_blamed_while_the_engine_itself_is_held_up() -> None:
    async with serving(stall_timeout_s=2.0) as (engine, _):
        pid = worker_pid(engine)
        time.sleep(4.0)  # noqa: ASYNC251 - blocks the event loop as a burst of requests does
        await asyncio.sleep(0)

        assert engine.phase is Phase.SERVING
        assert worker_pid(engine) == pid


async def test_a_model_that_cannot_be_loaded_fails_the_engine_with_the_reason() -> None:
    engine, observed = make_engine("--unloadable", "no such folder")
    await engine.start()
    await reach(engine, Phase.FAILED)

    assert engine.failure == "no such folder"
    with pytest.raises(EngineUnavailableError) as error:
        engine.submit([make_params()])
    assert error.value.retry_after_s is None
    await engine.stop()
    assert not any(isinstance(message, messages.Ready) for message in observed.messages)


@pytest.mark.parametrize(
    ("command", "reason"),
    [([sys.executable, "-S", "-c", "raise SystemExit(5)"], "status 5"), (["/nonexistent/python"], "cannot be started")],
)
async def test_the_engine_fails_after_several_workers_that_never_load(command: list[str], reason: str) -> None:
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model="fake"), restart_delay_s=0.01), command=command)
    await engine.start()
    await reach(engine, Phase.FAILED)
    await engine.stop()

    assert engine.failure is not None
    assert reason in engine.failure


async def test_a_job_that_nobody_reads_pauses_while_others_are_served_and_its_late_reader_gets_all_images() -> None:
    room = 16
    async with serving(max_unread_bytes=room * len(make_alone(make_params()))) as (engine, observed):
        late = engine.submit([make_params(seed=seed) for seed in range(2 * room)])
        await observed.count(messages.Finished, room // 2)
        read = engine.submit([make_params(seed=seed) for seed in range(2 * room)])
        async with asyncio.timeout(TIMEOUT_S):
            assert len(await read.result()) == 2 * room
            assert sum(isinstance(message, messages.Finished) for message in observed.messages) == room // 2 + 2 * room
            result = await late.result()

    assert [image.rgb_image.pixels for image in result] == [make_alone(image.params) for image in result]
    assert len(result) == 2 * room


async def test_an_observer_that_raises_does_not_end_the_engine_and_is_logged_once_per_kind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def observe(message: FromWorker, worker: int) -> None:
        raise ZeroDivisionError

    engine = LocalEngine(
        EngineConfig(worker=WorkerConfig(model="fake")),
        command=[sys.executable, "-m", "tests.harness.engine.fake_worker"],
        observe=observe,
    )
    await engine.start()
    await reach(engine, Phase.SERVING)
    async with asyncio.timeout(TIMEOUT_S):
        assert len(await engine.submit([make_params(), make_params(seed=8)]).result()) == 2
    await engine.stop()

    lines = [record.getMessage() for record in caplog.records]
    assert sum("an observer fails on Finished" in line for line in lines) == 1
