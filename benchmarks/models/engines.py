"""Real engines with two models: how long a switch takes, and one server with both against two servers with one each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, ModelSource, WorkerConfig
from service.engine.frontend.local_engine import WORKER_COMMAND, LocalEngine
from service.engine.interface import Phase

_WARM_UP_S = 5.0
_SECOND = "second"


class Switches(NamedTuple):
    """Seconds from an image's submission to its end."""

    resident_s: list[float]
    """Of images whose model was resident."""
    switched_s: list[float]
    """Of images whose model had to be loaded in place of the other one."""


class Mixed(NamedTuple):
    """A mixed load of both models, all submitted at once."""

    one_server_s: float
    two_servers_s: float


async def switches(source: str, times: int, command: Sequence[str] = WORKER_COMMAND) -> Switches:
    """Asks two models for images in turn, in a server that holds one of them. `source` is the folder of both."""
    resident_s, switched_s = [], []
    async with _serving(_config(source, max_model_bytes=1), command) as engine:
        for _, model in zip(range(2 * times), itertools.cycle((_SECOND, "")), strict=False):
            switched_s.append(await _make(engine, [_image(engine, model)]))
            resident_s.append(await _make(engine, [_image(engine, model)]))
    return Switches(resident_s, switched_s)


async def mixed(source: str, images: int, command: Sequence[str] = WORKER_COMMAND) -> Mixed:
    """Makes as many images of each of two models: in one server, and in two servers that share the machine."""
    async with _serving(_config(source), command) as engine:
        await _make(engine, [_image(engine, _SECOND)])
        wanted = [_image(engine, model, seed) for seed in range(images) for model in ("", _SECOND)]
        one_server_s = await _make(engine, wanted)
    alone = WorkerConfig(model=source, warm_up_s=_WARM_UP_S)
    async with _serving(alone, command) as first, _serving(alone, command) as second:
        wanted = [_image(first, "", seed) for seed in range(images)]
        start_s = time.perf_counter()
        await asyncio.gather(_make(first, wanted), _make(second, wanted))
        two_servers_s = time.perf_counter() - start_s
    return Mixed(one_server_s, two_servers_s)


def report(switched: Switches, load: Mixed) -> list[str]:
    """Returns the lines of the report."""
    return [
        f"an image of the resident model: {statistics.median(switched.resident_s):.2f} s",
        f"an image after a switch: {statistics.median(switched.switched_s):.2f} s",
        f"a mixed load in one server: {load.one_server_s:.2f} s",
        f"the same in two servers: {load.two_servers_s:.2f} s",
    ]


def _config(source: str, max_model_bytes: int | None = None) -> WorkerConfig:
    return WorkerConfig(
        model=source,
        models=(ModelSource(_SECOND, source),),
        max_model_bytes=max_model_bytes,
        warm_up_s=_WARM_UP_S,
    )


@contextlib.asynccontextmanager
async def _serving(worker: WorkerConfig, command: Sequence[str]) -> AsyncIterator[LocalEngine]:
    engine = LocalEngine(EngineConfig(worker=worker), command=command)
    await engine.start()
    try:
        if await engine.wait_for_phase(Phase.SERVING, Phase.FAILED) is Phase.FAILED:
            raise RuntimeError(engine.failure)
        yield engine
    finally:
        await engine.stop()


def _image(engine: LocalEngine, model: str, seed: int = 0) -> GenerationParams:
    info = engine.find_model(model)
    width, height = info.sizes[0]
    params = GenerationParams(
        prompt="a red circle",
        width=width,
        height=height,
        steps=info.default_steps,
        guidance_scale=info.default_guidance_scale,
        seed=seed,
        sampler=info.default_sampler,
    )
    return replace(params, model=info.name)


async def _make(engine: LocalEngine, images: Sequence[GenerationParams]) -> float:
    """Returns the seconds until all of these images are finished."""
    start_s = time.perf_counter()
    await engine.submit(images, accepted=True).result()
    return time.perf_counter() - start_s
