"""Compares the engine with diffusers' own pipelines where some images start from others and some are under masks.

    python -m benchmarks.engine.mixed_inputs [--rounds 3] [--images 12] [--threads 1] [--model FOLDER]

A load is so many images at once, of one kind or of all kinds in turn. Diffusers makes them one after another, each with
the pipeline of its kind. Every round measures both sides of every load; results are medians over the rounds. On a busy
machine the ratio of CPU seconds, with one thread, says more. Each image starts from an upload of its own, and every
round has new ones, so that nothing is encoded once for several images.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import torch
import typer
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.engine import sides
from benchmarks.engine.serving import engine_seconds, serving
from benchmarks.process_use import total_cpu_s
from pipelines.checkpoints.loader import bundled_model_path
from pipelines.interface import InputPixels
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams, PixelKey
from service.engine.config import WorkerConfig
from service.engine.frontend.local_engine import LocalEngine

STRENGTH: Final = 0.75
"""The strength of image to image. Images under masks have strength 1."""


class Load(NamedTuple):
    """Images that are submitted at once, and the pixels that they start from."""

    images: list[GenerationParams]
    inputs: dict[PixelKey, InputPixels]


class Seconds(NamedTuple):
    """Seconds of one load by the clock, and CPU seconds of all processes. Each list has one value per round."""

    engine: list[float]
    diffusers: list[float]
    engine_cpu: list[float]
    diffusers_cpu: list[float]


_Begin = Callable[[Load, GenerationParams, random.Random], None]
"""Adds an image of its kind to a load."""


def _from_noise(load: Load, params: GenerationParams, rng: random.Random) -> None:
    load.images.append(params)


def _from_image(load: Load, params: GenerationParams, rng: random.Random) -> None:
    _add(load, replace(params, image=_digest(rng), strength=STRENGTH), rng)


def _under_mask(load: Load, params: GenerationParams, rng: random.Random) -> None:
    _add(load, replace(params, image=_digest(rng), mask=_digest(rng)), rng)


LOADS: Final[Mapping[str, Sequence[_Begin]]] = {
    "text to image": (_from_noise,),
    "image to image": (_from_image,),
    "inpainting": (_under_mask,),
    "mixed": (_from_noise, _from_image, _under_mask),
}
"""The kinds that the images of each load have in turn."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds; results are their medians.")] = 3,
    images: Annotated[int, typer.Option(help="Images of each load, submitted at once.")] = 12,
    steps: Annotated[int, typer.Option(help="Denoising steps per image.")] = 20,
    threads: Annotated[int | None, typer.Option(help="Threads of each side; torch's default is one per core.")] = None,
    model: Annotated[Path, typer.Option(help="A Stable Diffusion folder.")] = bundled_model_path(),  # noqa: B008 -- a path
    output: Annotated[Path | None, typer.Option(help="Also write the seconds of every round, as JSON.")] = None,
) -> None:
    """Measure both sides and print a table."""
    load_before = os.getloadavg()[0]
    if threads is not None:
        torch.set_num_threads(threads)
    measured = asyncio.run(_measure(model, rounds, images, steps))
    _print(measured, images, load_before)
    if output is not None:
        output.write_text(json.dumps({name: each._asdict() for name, each in measured.items()}, indent=2) + "\n")


async def _measure(model: Path, rounds: int, images: int, steps: int) -> dict[str, Seconds]:
    pipelines = load_all(model)
    measured = {name: Seconds([], [], [], []) for name in LOADS}
    async with serving(WorkerConfig(model=str(model), threads=torch.get_num_threads())) as engine:
        # The first round warms both sides up.
        for number in range(rounds + 1):
            for name in LOADS:
                load = load_of(engine.model, name, images, steps, seed=number)
                seconds = await _seconds(engine, pipelines, load)
                if number:
                    for values, value in zip(measured[name], seconds, strict=True):
                        values.append(value)
    return measured


async def _seconds(engine: LocalEngine, pipelines: DiffusersPipelines, load: Load) -> tuple[float, ...]:
    """Returns the values of one round, in the order of the fields of `Seconds`."""
    start_cpu_s = total_cpu_s()
    engine_s = await engine_seconds(engine, *load)
    between_cpu_s = total_cpu_s()
    diffusers_s = diffusers_seconds(pipelines, load)
    return engine_s, diffusers_s, between_cpu_s - start_cpu_s, total_cpu_s() - between_cpu_s


def load_of(model: ModelInfo, name: str, count: int, steps: int, seed: int) -> Load:
    """Returns a load. Its images are the same each time, and another seed has other uploads."""
    load, rng = Load([], {}), random.Random(f"{name} {seed}")
    for index, params in enumerate(sides.images_of(model, count, steps)):
        LOADS[name][index % len(LOADS[name])](load, params, rng)
    return load


def _add(load: Load, params: GenerationParams, rng: random.Random) -> None:
    load.images.append(params)
    for key, pixels in zip(params.pixels, (_upload, _mask), strict=False):
        load.inputs[key] = pixels(key, rng)


def _digest(rng: random.Random) -> str:
    return hashlib.sha256(rng.randbytes(16)).hexdigest()


def _upload(key: PixelKey, rng: random.Random) -> InputPixels:
    """Returns an image of a few random colors."""
    colors = Image.frombytes("RGB", (4, 4), rng.randbytes(4 * 4 * 3))
    pixels = colors.resize((key.width, key.height), Image.Resampling.BICUBIC).tobytes()
    return InputPixels(key.width, key.height, 3, pixels)


def _mask(key: PixelKey, rng: random.Random) -> InputPixels:
    """Returns a mask that has the right half repainted."""
    half = key.width // 2
    return InputPixels(key.width, key.height, 1, (bytes(half) + b"\xff" * (key.width - half)) * key.height)


class DiffusersPipelines(NamedTuple):
    """The pipelines of each kind, which share their networks."""

    from_noise: Any
    from_image: Any
    under_mask: Any


def load_all(model: Path) -> DiffusersPipelines:
    from_noise = sides.load_diffusers(model)
    others = [
        each(**from_noise.components, requires_safety_checker=False)
        for each in (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline)
    ]
    for each in others:
        each.set_progress_bar_config(disable=True)
    return DiffusersPipelines(from_noise, *others)


def diffusers_seconds(pipelines: DiffusersPipelines, load: Load) -> float:
    """Returns the seconds for the same images through diffusers, one after another."""
    start_s = time.perf_counter()
    for params in load.images:
        _make(pipelines, params, [_to_pil(load.inputs[key]) for key in params.pixels])
    return time.perf_counter() - start_s


def _make(pipelines: DiffusersPipelines, params: GenerationParams, inputs: Sequence[Image.Image]) -> None:
    size = {"width": params.width, "height": params.height}
    started: dict[str, Any] = dict(zip(("image", "mask_image"), inputs, strict=False))
    match len(inputs):
        case 0:
            sides.run_diffusers(pipelines.from_noise, params, **size)
        case 1:
            sides.run_diffusers(pipelines.from_image, params, strength=params.strength, **started)
        case _:
            sides.run_diffusers(pipelines.under_mask, params, strength=params.strength, **started, **size)


def _to_pil(pixels: InputPixels) -> Image.Image:
    return Image.frombytes("RGB" if pixels.channels == 3 else "L", (pixels.width, pixels.height), pixels.pixels)


def _print(measured: Mapping[str, Seconds], images: int, load_before: float) -> None:
    title = f"{images} images at once, load {load_before:.1f} at first and {os.getloadavg()[0]:.1f} at the end"
    table = Table("load", "engine, images/s", "diffusers, images/s", "ratio", "of the rounds", "in CPU s", title=title)
    for name, each in measured.items():
        rates = [f"{images / statistics.median(side):.2f}" for side in (each.engine, each.diffusers)]
        ratios = [theirs / ours for ours, theirs in zip(each.engine, each.diffusers, strict=True)]
        ratio, cpu_ratio = sides.ratio(each.engine, each.diffusers), sides.ratio(each.engine_cpu, each.diffusers_cpu)
        spread = f"{min(ratios):.2f}x to {max(ratios):.2f}x"
        table.add_row(name, *rates, f"{ratio:.2f}x", spread, f"{cpu_ratio:.2f}x")
    Console().print(table)


if __name__ == "__main__":
    app()
