"""A worker's death costs at most the steps between two checkpoints, and a bad checkpoint costs one try."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import ImageCheckpoint, ImageEvent, ImageFinished, Phase
from tests.harness.engine.local_engine import TIMEOUT_S, Observed, serving
from tests.harness.engine.worker_harness import make_alone, make_params
from tests.service.engine.faults.test_local_engine_faults import reach, worker_pid

pytestmark = pytest.mark.integration

EVERY = 5


def steps_reported(observed: Observed) -> list[int]:
    return [message.step for message in observed.messages if isinstance(message, messages.Progress)]


async def test_a_death_costs_no_more_steps_than_lie_between_two_checkpoints() -> None:
    params = make_params(steps=40)
    async with serving("--call-s", "0.02") as (engine, observed):
        job = engine.submit([params], checkpoint_every=EVERY)
        await observed.until(lambda _: steps_reported(observed)[-1:] >= [3 * EVERY + 2])
        os.kill(worker_pid(engine), signal.SIGKILL)
        await reach(engine, Phase.RESTARTING)
        before, checkpoints = (
            steps_reported(observed),
            [message.step for message in observed.messages if isinstance(message, messages.Checkpoint)],
        )
        async with asyncio.timeout(TIMEOUT_S):
            (finished,) = await job.result()
        after = steps_reported(observed)[len(before) :]

    assert finished.rgb_image.pixels == make_alone(params)
    assert after == list(range(checkpoints[-1], 41))
    assert before[-1] - after[0] <= EVERY


async def take_checkpoint(engine: LocalEngine, params: GenerationParams) -> bytes:
    job = engine.submit([params], checkpoint_every=EVERY)
    return [event.data async for event in job.events() if isinstance(event, ImageCheckpoint)][-1]


@pytest.mark.parametrize(("kind", "workers"), [("exit", 2), ("raise", 1), ("nan", 1)])
async def test_an_image_that_cannot_be_resumed_begins_anew(kind: str, workers: int) -> None:
    params = make_params("poison", steps=2 * EVERY)
    async with serving("--call-s", "0.002", "--fault", f"resume:{kind}:0") as (engine, observed):
        async with asyncio.timeout(TIMEOUT_S):
            data = await take_checkpoint(engine, params)
            job = engine.submit([params], checkpoints={0: data}, accepted=True)
            events: list[ImageEvent] = [event async for event in job.events()]

    assert isinstance(events[-1], ImageFinished)
    assert events[-1].rgb_image.pixels == make_alone(params)
    assert sum(isinstance(message, messages.Ready) for message in observed.messages) == workers
