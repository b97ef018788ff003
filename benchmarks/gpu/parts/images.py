"""The parts that measure Darkroom's engine: images per second, alone and saturated, and time outside the networks."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Final

from benchmarks import worker_loop
from benchmarks.engine.serving import engine_seconds, serving
from benchmarks.engine.sides import images_of
from benchmarks.gpu.parts import bounds, models, served, timing
from benchmarks.gpu.plan import TINY_THREADS, Settings
from benchmarks.gpu.record import Record, Table
from pipelines.checkpoints import loader
from service.engine.frontend.local_engine import LocalEngine

STEPS: Final = 20
SATURATING: Final = 64
"""Images that are submitted at once."""
MAX_ROWS: Final = 32
_TINY_ROWS: Final = 4
ROUNDS: Final = 3
LOOP_IMAGES: Final = (1, 8, 16)
_TINY_STEPS: Final = 2
_TINY_IMAGES: Final = 4
_TINY_LOOP_IMAGES: Final = (2,)


def max_rows(settings: Settings) -> int:
    return _TINY_ROWS if settings.tiny else MAX_ROWS


def steps(settings: Settings) -> int:
    return _TINY_STEPS if settings.tiny else STEPS


def engine(settings: Settings, record: Record) -> None:
    """Measure the engine as it is served, its worker process included."""
    bound = bounds.images_per_s(models.sd15(settings), steps(settings), timing.device_name(settings.device))
    record.fact("bound by arithmetic, images/s", bound)
    columns = ["way", "ready after, s", "alone, images/s", "saturated, images/s", "share of the bound"]
    table = record.table(f"{steps(settings)} steps guided, at most {max_rows(settings)} rows", columns)
    for way in served.ways(settings.device, served.capability(settings.device)):
        asyncio.run(_engine_row(settings, record, table, way, bound))


async def _engine_row(settings: Settings, record: Record, table: Table, way: str, bound: float | None) -> None:
    threads = TINY_THREADS if settings.tiny else None
    config = served.worker_config(
        way, str(models.folder(settings)), settings.device, max_rows=max_rows(settings), threads=threads
    )
    start_s = time.monotonic()
    async with serving(config) as measured:
        ready_s = time.monotonic() - start_s
        alone = 1 / await _median_s(measured, 1, steps(settings))
        count = _TINY_IMAGES if settings.tiny else SATURATING
        saturated = count / await _median_s(measured, count, steps(settings))
        record.row(table, way, ready_s, alone, saturated, bounds.share(saturated, bound))


async def _median_s(measured: LocalEngine, images: int, steps: int) -> float:
    """Return the median seconds for so many images at once, after a round that warms up."""
    params = images_of(measured.model, images, steps)
    await engine_seconds(measured, params)
    return statistics.median([await engine_seconds(measured, params) for _ in range(ROUNDS)])


def loop(settings: Settings, record: Record) -> None:
    """Run the worker's loop in this process, and measure what it does outside the networks."""
    columns = ["way and images", "outside the networks", "guidance and updates, of a step", "a call outside, ms"]
    table = record.table("Share of the worker's loop", columns)
    for way in served.ways(settings.device, served.capability(settings.device)):
        _loop_rows(settings, record, table, way)


def _loop_rows(settings: Settings, record: Record, table: Table, way: str) -> None:
    folder = str(models.folder(settings))
    pipeline = loader.load(folder, device=settings.device, mode=served.run_mode(way, max_rows=max_rows(settings)))
    costs = worker_loop.measure_costs(
        pipeline, served.worker_config(way, folder, settings.device, max_rows=max_rows(settings))
    )
    for images in _TINY_LOOP_IMAGES if settings.tiny else LOOP_IMAGES:
        params = images_of(pipeline.info, images, steps(settings))
        worker_loop.run(pipeline, params, costs=costs)
        times = worker_loop.run(pipeline, params, costs=costs)
        outside_ms = 1000 * (times.whole_s - times.networks_s) / steps(settings)
        record.row(table, f"{way}, {images}", times.overhead, times.update_share, outside_ms)
