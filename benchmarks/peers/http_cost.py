"""What HTTP adds to a job alone: the same job over HTTP and through the engine in this process, in turns.

The addition is everything between a client's request and the engine and back: sockets, JSON, validation, encoding the
PNG file, base64.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from benchmarks.load.apis import SAMPLER
from benchmarks.load.generator import Send
from benchmarks.workload import Job
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import Engine, Phase

WARM_UP_PAIRS = 3


async def added_seconds(
    send: Send, engine: Engine, job: Job, pairs: int, *, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Seconds by which the job took longer over HTTP, pair by pair; the two of a pair go first in turns."""

    async def over_http() -> None:
        await send(job)

    async def direct() -> None:
        await engine.submit([params_of(job)]).result()

    added = []
    for number in range(WARM_UP_PAIRS + pairs):
        first, second = (over_http, direct) if number % 2 else (direct, over_http)
        taken = {first: await _seconds(first(), clock), second: await _seconds(second(), clock)}
        added.append(taken[over_http] - taken[direct])
    return added[WARM_UP_PAIRS:]


@contextlib.asynccontextmanager
async def engine_serving(model: Path, threads: int) -> AsyncIterator[Engine]:
    """An engine with a worker of its own. Raises `RuntimeError` where the model cannot be loaded."""
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model=str(model), threads=threads)))
    await engine.start()
    try:
        if await engine.wait_for_phase(Phase.SERVING, Phase.FAILED) is Phase.FAILED:
            raise RuntimeError(f"the engine cannot load {model}: {engine.failure}")
        yield engine
    finally:
        await engine.stop()


def params_of(job: Job) -> GenerationParams:
    width, height = job.size
    return GenerationParams(
        prompt=job.prompt,
        width=width,
        height=height,
        steps=job.steps,
        guidance_scale=job.guidance_scale,
        seed=job.seed,
        sampler=SAMPLER,
    )


async def _seconds(work: Awaitable[object], clock: Callable[[], float]) -> float:
    begin_s = clock()
    await work
    return clock() - begin_s
