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
import time
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from rich.console import Console
from rich.table import Table

from benchmarks import worker_loop
from pipelines.checkpoints.loader import bundled_model_path, load
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import Phase

CONCURRENCY: Final = (1, 2, 4, 8, 16)
PROMPTS: Final = (
    "a red circle on a white background",
    "a small green heart",
    "two blue squares",
    "a yellow star to the left of a purple circle",
)
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
        measurements["machine"] = {"cores": os.cpu_count(), "torch": torch.__version__, "device": str(_device())}
        output.write_text(json.dumps(measurements, indent=2) + "\n")


async def _throughput(model: Path, rounds: int, steps: int) -> dict[str, Any]:
    """Returns the seconds for n images: by side and n, a list with one value per round."""
    threads = torch.get_num_threads()
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model=str(model), threads=threads)))
    await engine.start()
    try:
        if await engine.wait_for_phase(Phase.SERVING, Phase.FAILED) is Phase.FAILED:
            raise SystemExit(f"The engine cannot load {model}: {engine.failure}")
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
    finally:
        await engine.stop()


def images_of(model: ModelInfo, count: int, steps: int) -> list[GenerationParams]:
    """Returns images with the model's defaults, and a seed of their own each."""
    width, height = model.sizes[0]
    return [
        GenerationParams(
            prompt=PROMPTS[index % len(PROMPTS)],
            width=width,
            height=height,
            steps=steps,
            guidance_scale=model.default_guidance_scale,
            seed=index,
            sampler="dpm++_2m",
        )
        for index in range(count)
    ]


async def engine_seconds(engine: LocalEngine, images: list[GenerationParams]) -> float:
    """Returns the seconds for one job per image, all submitted at once."""
    start_s = time.perf_counter()
    jobs = [engine.submit([params]) for params in images]
    await asyncio.gather(*(job.result() for job in jobs))
    return time.perf_counter() - start_s


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_diffusers(model: Path) -> Any:
    """Returns diffusers' own pipeline for the folder, as the comparison uses it."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        model, dtype=torch.float16 if _device().type == "cuda" else torch.float32
    ).to(_device())
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def diffusers_seconds(pipeline: Any, images: list[GenerationParams]) -> float:
    """Returns the seconds for the same images through diffusers, one after another."""
    start_s = time.perf_counter()
    for params in images:
        pipeline(
            params.prompt,
            width=params.width,
            height=params.height,
            num_inference_steps=params.steps,
            guidance_scale=params.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(params.seed),
            output_type="np",
        )
    return time.perf_counter() - start_s


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
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        rates = (n / statistics.median(ours), n / statistics.median(theirs))
        table.add_row(str(n), *(f"{rate:.2f}" for rate in rates), f"{ratio:.2f}x")
    console = Console()
    console.print(table)
    overhead, update, previews = (statistics.median(shares[name]) for name in ("overhead", "update", "previews"))
    console.print(f"outside the networks, {OVERHEAD_IMAGES} images: {overhead:.1%} of the loop's time")
    console.print(f"guidance and sampler updates, {UPDATE_IMAGES} images: {update:.1%} of a step")
    console.print(f"{PREVIEWS} previews per image, {OVERHEAD_IMAGES} images: {previews:.1%} of the loop's time")


if __name__ == "__main__":
    app()
