"""Measures what checkpoints cost: the same images without any, and with one every so many steps that is kept as a file.

    python -m benchmarks.engine.checkpoints [--rounds 9] [--images 8] [--steps 20] [--threads 1] [--model FOLDER]

Every round measures all distances, beginning with another one each time; results are medians over the rounds of the
ratio to the same round without checkpoints. On a busy machine the ratio of CPU seconds, with one thread, says more. The
files are written as those of durable jobs are.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.engine.serving import serving
from benchmarks.engine.sides import images_of
from benchmarks.process_use import total_cpu_s
from pipelines.checkpoints.loader import bundled_model_path
from pipelines.params import GenerationParams
from service.engine.config import WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import ImageCheckpoint
from service.ids import new_job_id
from service.jobs.checkpoints import JobCheckpoints

OFF: Final = 0
EVERY: Final = (OFF, 1, 5, 10)
"""Steps between two checkpoints."""


class Measured(NamedTuple):
    """Seconds by the clock, and CPU seconds of all processes; how many checkpoints there were, and their bytes."""

    seconds: float
    cpu_seconds: float
    checkpoints: int
    checkpoint_bytes: int


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds; results are their medians.")] = 9,
    images: Annotated[int, typer.Option(help="Images, submitted at once.")] = 8,
    steps: Annotated[int, typer.Option(help="Denoising steps per image.")] = 20,
    threads: Annotated[int | None, typer.Option(help="Threads of the worker; torch's default is one per core.")] = None,
    model: Annotated[Path, typer.Option(help="A Stable Diffusion folder.")] = bundled_model_path(),  # noqa: B008 -- a path
    output: Annotated[Path | None, typer.Option(help="Also write the values of every round, as JSON.")] = None,
) -> None:
    """Measure and print a table."""
    load_before = os.getloadavg()[0]
    measured = asyncio.run(_measure(model, threads, rounds, images, steps))
    _print(measured, load_before)
    if output is not None:
        output.write_text(json.dumps({every: [*values] for every, values in measured.items()}, indent=2) + "\n")


async def _measure(model: Path, threads: int | None, rounds: int, images: int, steps: int) -> dict[int, list[Measured]]:
    """Returns for each distance one value per round."""
    measured: dict[int, list[Measured]] = {every: [] for every in EVERY}
    with tempfile.TemporaryDirectory() as folder:
        async with serving(WorkerConfig(model=str(model), threads=threads)) as engine:
            params = images_of(engine.model, images, steps)
            await make(engine, params, Path(folder), OFF)
            for number in range(rounds):
                first = number % len(EVERY)
                for every in (*EVERY[first:], *EVERY[:first]):
                    measured[every].append(await make(engine, params, Path(folder), every))
    return measured


async def make(engine: LocalEngine, images: Sequence[GenerationParams], folder: Path, every: int) -> Measured:
    """Makes each image as a job of its own, all submitted at once, and keeps its checkpoints in the folder."""
    kept = JobCheckpoints(folder, every_steps=every)
    start_s, start_cpu_s = time.perf_counter(), total_cpu_s()
    sizes = await asyncio.gather(*(_make_one(engine, params, kept) for params in images))
    seconds, cpu_seconds = time.perf_counter() - start_s, total_cpu_s() - start_cpu_s
    kept.close()
    return Measured(seconds, cpu_seconds, sum(map(len, sizes)), sum(map(sum, sizes)))


async def _make_one(engine: LocalEngine, params: GenerationParams, kept: JobCheckpoints) -> list[int]:
    """Returns the bytes of each checkpoint."""
    sizes, job_id = [], new_job_id()
    async for event in engine.submit([params], checkpoint_every=kept.every_steps, accepted=True).events():
        if isinstance(event, ImageCheckpoint):
            await kept.keep(job_id, event.index, event.data)
            sizes.append(len(event.data))
    await kept.forget(job_id)
    return sizes


def ratio(values: Sequence[float], without: Sequence[float]) -> float:
    """Returns the median over the rounds of how many times longer it takes than without checkpoints."""
    return statistics.median(value / base for value, base in zip(values, without, strict=True))


def _print(measured: Mapping[int, Sequence[Measured]], load_before: float) -> None:
    table = Table("a checkpoint every", "checkpoints", "KB each", "seconds", "ratio", "CPU seconds", "ratio")
    off = measured[OFF]
    for every, values in measured.items():
        count = statistics.median(value.checkpoints for value in values)
        size = sum(value.checkpoint_bytes for value in values) / max(sum(value.checkpoints for value in values), 1)
        table.add_row(
            f"{every} steps" if every else "off",
            f"{count:g}",
            f"{size / 1000:.1f}",
            f"{statistics.median(value.seconds for value in values):.2f}",
            f"{ratio([value.seconds for value in values], [value.seconds for value in off]):.4f}",
            f"{statistics.median(value.cpu_seconds for value in values):.2f}",
            f"{ratio([value.cpu_seconds for value in values], [value.cpu_seconds for value in off]):.4f}",
        )
    console = Console()
    console.print(table)
    console.print(f"load of the machine before the run: {load_before:.1f}")


if __name__ == "__main__":
    app()
