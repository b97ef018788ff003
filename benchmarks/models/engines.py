"""Measures real engines with two models: a switch, and one server with both models against two with one each.

Memory is that of the worker processes, as the system counts it.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from benchmarks.engine.serving import engine_seconds, serving
from benchmarks.process_use import ProcessUse, total_cpu_s, worker_uses
from pipelines.params import GenerationParams
from service.engine.config import ModelSource, WorkerConfig
from service.engine.frontend.local_engine import WORKER_COMMAND, LocalEngine

_WARM_UP_S = 5.0
_SECOND = "second"
_MIB = 1 << 20


class Memory(NamedTuple):
    """Bytes of one or more workers."""

    now_bytes: int
    peak_bytes: int


class Switches(NamedTuple):
    """Seconds from an image's submission to its end, and the memory of a worker with a budget for one of two models."""

    resident_s: list[float]
    """Seconds of each image whose model was resident."""
    switched_s: list[float]
    """Seconds of each image whose model had to be loaded first, in place of the other model."""
    ready: Memory
    """Before the first switch."""
    switched: Memory
    """After the last one."""


class Round(NamedTuple):
    """Seconds of a load of images of both models, all submitted at once, and CPU seconds of all processes."""

    one_server_s: float
    two_servers_s: float
    one_server_cpu_s: float
    two_servers_cpu_s: float


class Mixed(NamedTuple):
    rounds: list[Round]
    one_server: Memory
    two_servers: Memory
    """The sum for the two servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The model and the images of a measurement, and how it starts its servers."""

    source: str
    """The folder of both models."""
    threads: int
    """Threads of one server. Where there are two, each has half of them, and at least one."""
    command: Sequence[str] = WORKER_COMMAND
    """Starts a worker: an interpreter, `-m` and the worker's module, which may have arguments."""

    def one_server(self, max_model_bytes: int | None = None) -> WorkerConfig:
        return WorkerConfig(
            model=self.source,
            models=(ModelSource(_SECOND, self.source),),
            max_model_bytes=max_model_bytes,
            threads=self.threads,
            warm_up_s=_WARM_UP_S,
        )

    def one_of_two_servers(self) -> WorkerConfig:
        return WorkerConfig(model=self.source, threads=max(1, self.threads // 2), warm_up_s=_WARM_UP_S)

    @property
    def module(self) -> str:
        """The module that a worker runs."""
        return self.command[2]

    def uses(self) -> dict[int, ProcessUse]:
        return worker_uses(self.module)


async def switches(setting: Setting, times: int) -> Switches:
    """Asks two models for images in turn, in a server that holds one of them."""
    resident_s, switched_s = [], []
    async with serving(setting.one_server(max_model_bytes=1), setting.command) as engine:
        # The first image of a model takes longer than the others, so it is made before anything is measured.
        await engine_seconds(engine, [_image(engine, "")])
        ready = _memory(setting.uses().values())
        for _, model in zip(range(2 * times), itertools.cycle((_SECOND, "")), strict=False):
            switched_s.append(await engine_seconds(engine, [_image(engine, model)]))
            resident_s.append(await engine_seconds(engine, [_image(engine, model)]))
        return Switches(resident_s, switched_s, ready, _memory(setting.uses().values()))


async def mixed(setting: Setting, images: int, rounds: int) -> Mixed:
    """Makes as many images of each of two models, in turns in one server and in two servers that share the machine."""
    measured = []
    alone = setting.one_of_two_servers()
    async with serving(setting.one_server(), setting.command) as both:
        own = setting.uses().keys()
        async with serving(alone, setting.command) as first, serving(alone, setting.command) as second:
            of_both = [_image(both, model, seed) for seed in range(images) for model in ("", _SECOND)]
            of_each = [_image(first, "", seed) for seed in range(images)]
            # The first round loads the second model, and warms all of them up.
            for _ in range(rounds + 1):
                start_cpu_s = total_cpu_s(setting.module)
                one_server_s = await engine_seconds(both, of_both)
                between_cpu_s = total_cpu_s(setting.module)
                two_servers_s = await _seconds_of_two(first, second, of_each)
                two_servers_cpu_s = total_cpu_s(setting.module) - between_cpu_s
                measured.append(Round(one_server_s, two_servers_s, between_cpu_s - start_cpu_s, two_servers_cpu_s))
            uses = setting.uses()
    one, two = _memory(uses[pid] for pid in own), _memory(use for pid, use in uses.items() if pid not in own)
    return Mixed(measured[1:], one, two)


async def _seconds_of_two(first: LocalEngine, second: LocalEngine, images: Sequence[GenerationParams]) -> float:
    start_s = time.perf_counter()
    await asyncio.gather(engine_seconds(first, images), engine_seconds(second, images))
    return time.perf_counter() - start_s


def report(switched: Switches, load: Mixed) -> list[str]:
    """Returns the lines of the report."""
    resident_s, switched_s = statistics.median(switched.resident_s), statistics.median(switched.switched_s)
    one_s = statistics.median(each.one_server_s for each in load.rounds)
    ratio = statistics.median(each.two_servers_s / each.one_server_s for each in load.rounds)
    cpu_ratio = statistics.median(each.two_servers_cpu_s / each.one_server_cpu_s for each in load.rounds)
    return [
        f"an image of the resident model: {resident_s:.2f} s",
        f"an image after a switch: {switched_s:.2f} s, which is {switched_s - resident_s:.2f} s more",
        f"memory with a budget for one model: {_shown(switched.ready)}; after switches: {_shown(switched.switched)}",
        f"a mixed load: {one_s:.2f} s in one server; in two {ratio:.2f}x of it, {cpu_ratio:.2f}x in CPU seconds",
        f"memory of one server with both models: {_shown(load.one_server)}; of two servers: {_shown(load.two_servers)}",
    ]


def _memory(uses: Iterable[ProcessUse]) -> Memory:
    counted = list(uses)
    return Memory(sum(use.now_bytes for use in counted), sum(use.peak_bytes for use in counted))


def _shown(memory: Memory) -> str:
    return f"{memory.now_bytes / _MIB:.0f} MiB, {memory.peak_bytes / _MIB:.0f} MiB at the peak"


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
