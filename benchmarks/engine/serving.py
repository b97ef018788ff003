"""Runs engines for measurements. Imports no library that loads models: an engine's worker is a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence

from pipelines.interface import InputPixels
from pipelines.params import GenerationParams, PixelKey
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import WORKER_COMMAND, LocalEngine
from service.engine.interface import NO_INPUTS, Phase


@contextlib.asynccontextmanager
async def serving(worker: WorkerConfig, command: Sequence[str] = WORKER_COMMAND) -> AsyncIterator[LocalEngine]:
    """Yields an engine that serves, and stops it. Raises RuntimeError where it cannot."""
    engine = LocalEngine(EngineConfig(worker=worker), command=command)
    await engine.start()
    try:
        if await engine.wait_for_phase(Phase.SERVING, Phase.FAILED) is Phase.FAILED:
            raise RuntimeError(f"The engine cannot serve {worker.model}: {engine.failure}")
        yield engine
    finally:
        await engine.stop()


async def engine_seconds(
    engine: LocalEngine, images: Sequence[GenerationParams], inputs: Mapping[PixelKey, InputPixels] = NO_INPUTS
) -> float:
    """Returns the seconds for one job per image, all submitted at once. The queue's bounds do not apply to them."""
    start_s = time.perf_counter()
    jobs = [engine.submit([params], inputs=inputs, accepted=True) for params in images]
    await asyncio.gather(*(job.result() for job in jobs))
    return time.perf_counter() - start_s
