"""The images that both sides of a comparison make, and how diffusers makes them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams

PROMPTS: Final = (
    "a red circle on a white background",
    "a small green heart",
    "two blue squares",
    "a yellow star to the left of a purple circle",
)


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


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_diffusers(model: Path) -> Any:
    """Returns diffusers' own pipeline for the folder, as the comparisons use it."""
    pipeline = StableDiffusionPipeline.from_pretrained(
        model, dtype=torch.float16 if device().type == "cuda" else torch.float32
    ).to(device())
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def diffusers_seconds(pipeline: Any, images: Sequence[GenerationParams]) -> float:
    """Returns the seconds for the same images through diffusers, one after another."""
    start_s = time.perf_counter()
    for params in images:
        run_diffusers(pipeline, params, width=params.width, height=params.height)
    return time.perf_counter() - start_s


def run_diffusers(pipeline: Any, params: GenerationParams, **more: Any) -> None:
    """Makes one image. `more` are the arguments that not all pipelines of diffusers have."""
    pipeline(
        params.prompt,
        num_inference_steps=params.steps,
        guidance_scale=params.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(params.seed),
        output_type="np",
        **more,
    )


def ratio(engine_s: Sequence[float], diffusers_s: Sequence[float]) -> float:
    """Returns how many times as fast the engine is, as the median over the rounds."""
    return statistics.median(theirs / ours for ours, theirs in zip(engine_s, diffusers_s, strict=True))
