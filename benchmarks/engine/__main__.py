"""Compares the engine with diffusers' own pipeline: images per second by concurrency, and where the time goes.

    python -m benchmarks.engine [--rounds 5] [--model FOLDER] [--output measurements.json]

Every round measures both sides at every concurrency, so that a busy moment of the machine affects both; results are
medians over the rounds. Both sides use the same model, sampler, number of steps and all cores.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import worker_loop
from benchmarks.engine.serving import engine_seconds, serving
from benchmarks.engine.sides import device, diffusers_seconds, images_of, load_diffusers, ratio
from pipelines.checkpoints.loader import bundled_model_path, load
from service.engine.config import WorkerConfig

CONCURRENCY: Final = (1, 2, 4, 8, 16)
OVERHEAD_IMAGES: Final = 8
UPDATE_IMAGES: Final = 16
PREVIEWS: Final = 3
BUNDLED: Final = bundled_model_path()

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds; results are their medians.")] = 5,
    steps: Annotated[int, typer.Option(help="Denoising steps per image.")] = 20,
    model: Annotated[Path, typer.Option(help="A Stable Diffusion folder.")] = BUNDLED,
    output: Annotated[
        Path | None, typer.Option(help="Also write the measurements of every round to this file, as JSON.")
    ] = None,
) -> None:
    """Measure both sides and print a table."""
    measurements = asyncio.run(_throughput(model, rounds, steps))
    shares = _loop_shares(model, rounds, steps)
    _print(measurements, shares)
    if output is not None:
        measurements["loop"] = shares
        measurements["machine"] = {"cores": os.cpu_count(), "torch": torch.__version__, "device": str(device())}
        output.write_text(json.dumps(measurements, indent=2) + "\n")


async def _throughput(model: Path, rounds: int, steps: int) -> dict[str, Any]:
    """Returns the seconds for n images: by side and n, a list with one value per round."""
    threads = torch.get_num_threads()
    async with serving(WorkerConfig(model=str(model), threads=threads)) as engine:
        pipeline = load_diffusers(model)
        measurements: dict[str, Any] = {
            "engine": {n: [] for n in CONCURRENCY},
            "diffusers": {n: [] for n in CONCURRENCY},
        }
        for n in (1, *CONCURRENCY):
            await engine_seconds(engine, images_of(engine.model, n, steps))
        diffusers_seconds(pipeline, images_of(engine.model, 1, steps))
        for _ in range(rounds):
            for n in CONCURRENCY:
                params = images_of(engine.model, n, steps)
                measurements["engine"][n].append(await engine_seconds(engine, params))
                measurements["diffusers"][n].append(diffusers_seconds(pipeline, params))
        return measurements


def _loop_shares(model: Path, rounds: int, steps: int) -> dict[str, list[float]]:
    """Returns shares of the worker loop's time: overhead, update and previews, a list with one value per round."""
    pipeline = load(str(model))
    few, many = (images_of(pipeline.info, count, steps) for count in (OVERHEAD_IMAGES, UPDATE_IMAGES))
    costs = worker_loop.measure_costs(pipeline, WorkerConfig(model=pipeline.info.name))
    worker_loop.run(pipeline, few, costs=costs)
    shares: dict[str, list[float]] = {"overhead": [], "update": [], "previews": []}
    for _ in range(rounds):
        shares["overhead"].append(worker_loop.run(pipeline, few, costs=costs).overhead)
        shares["previews"].append(worker_loop.run(pipeline, few, costs=costs, previews=PREVIEWS).preview_share)
        shares["update"].append(worker_loop.run(pipeline, many, costs=costs).update_share)
    return shares


def _print(measurements: dict[str, Any], shares: dict[str, list[float]]) -> None:
    table = Table("concurrent jobs", "engine, images/s", "diffusers, images/s", "ratio")
    for n in CONCURRENCY:
        ours, theirs = measurements["engine"][n], measurements["diffusers"][n]
        rates = (n / statistics.median(ours), n / statistics.median(theirs))
        table.add_row(str(n), *(f"{rate:.2f}" for rate in rates), f"{ratio(ours, theirs):.2f}x")
    console = Console()
    console.print(table)
    overhead, update, previews = (statistics.median(shares[name]) for name in ("overhead", "update", "previews"))
    console.print(f"outside the networks, {OVERHEAD_IMAGES} images: {overhead:.1%} of the loop's time")
    console.print(f"guidance and sampler updates, {UPDATE_IMAGES} images: {update:.1%} of a step")
    console.print(f"{PREVIEWS} previews per image, {OVERHEAD_IMAGES} images: {previews:.1%} of the loop's time")


if __name__ == "__main__":
    app()
