"""Measures the HTTP overhead of a single request: the same request over HTTP and through an engine in this process.

The overhead includes everything between the client and the engine: sockets, JSON, validation, PNG encoding, base64.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from benchmarks.load.apis import SAMPLER
from benchmarks.load.generator import Send
from benchmarks.workload import Request
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import Engine, Phase

WARM_UP_PAIRS = 3


async def http_overheads_s(
    send: Send, engine: Engine, request: Request, pairs: int, *, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Returns for each pair how many seconds longer the request took over HTTP. The order within a pair alternates."""

    async def over_http() -> None:
        await send(request)

    async def direct() -> None:
        await engine.submit([params_of(request)]).result()

    overheads = []
    for number in range(WARM_UP_PAIRS + pairs):
        first, second = (over_http, direct) if number % 2 else (direct, over_http)
        seconds = {first: await _seconds(first(), clock), second: await _seconds(second(), clock)}
        overheads.append(seconds[over_http] - seconds[direct])
    return overheads[WARM_UP_PAIRS:]


@contextlib.asynccontextmanager
async def running_engine(model: Path, threads: int) -> AsyncIterator[Engine]:
    """Runs an engine with its own worker. Raises `RuntimeError` where it cannot load the model."""
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model=str(model), threads=threads)))
    await engine.start()
    try:
        if await engine.wait_for_phase(Phase.SERVING, Phase.FAILED) is Phase.FAILED:
            raise RuntimeError(f"the engine cannot load {model}: {engine.failure}")
        yield engine
    finally:
        await engine.stop()


def params_of(request: Request) -> GenerationParams:
    """Returns the request as the engine receives it."""
    width, height = request.size
    return GenerationParams(
        prompt=request.prompt,
        width=width,
        height=height,
        steps=request.steps,
        guidance_scale=request.guidance_scale,
        seed=request.seed,
        sampler=SAMPLER,
    )


async def _seconds(work: Awaitable[object], clock: Callable[[], float]) -> float:
    start_s = clock()
    await work
    return clock() - start_s
