"""Images made by diffusers' own pipelines, one at a time, to compare ours with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from pipelines.sampling.noise import seeded_generator
from tests.harness.models.denoising import finish_joined

IMAGES = [
    GenerationParams(
        prompt="a red fox",
        width=64,
        height=64,
        steps=5,
        guidance_scale=7.5,
        seed=11,
        sampler="",
        negative_prompt="blur",
    ),
    GenerationParams(prompt="two blue cars", width=64, height=64, steps=3, guidance_scale=1.0, seed=2**40, sampler=""),
    GenerationParams(prompt="", width=64, height=64, steps=6, guidance_scale=2.5, seed=13, sampler=""),
    GenerationParams(
        prompt="z" * 60,
        width=64,
        height=64,
        steps=1,
        guidance_scale=12.0,
        seed=14,
        sampler="",
        negative_prompt="q " * 40,
    ),
]

REFERENCES: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "ddpm": ("DDPMScheduler", {"clip_sample": False}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2_a": ("KDPM2AncestralDiscreteScheduler", {}),
    "dpm++_2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}),
    "dpm++_2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpm++_sde": ("DPMSolverSinglestepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
}
"""The scheduler class of each sampler, and the fields that it changes in the model's own scheduler configuration."""


def load(
    folder: Path,
    pipeline_class: Any = DiffusionPipeline,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Any:
    """Load the folder, by default with the pipeline class that its index names."""
    loaded = pipeline_class.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=dtype)
    loaded.set_progress_bar_config(disable=True)
    return loaded.to(device)


def set_sampler(theirs: Any, sampler: str, schedule: str | None = None) -> None:
    """Give the pipeline the scheduler that does what the sampler does, made from its own."""
    class_name, fields = REFERENCES[sampler]
    if schedule is not None:
        fields = {**fields, f"use_{schedule}_sigmas": True}
    theirs.scheduler = getattr(diffusers, class_name).from_config(
        {**theirs.scheduler.config, "steps_offset": 1, **fields}
    )


def distances(
    ours: LatentDiffusion,
    theirs: Any,
    sampler: str,
    schedule: str | None = None,
    images: Sequence[GenerationParams] = IMAGES,
    make: Callable[[Any, GenerationParams], Tensor] | None = None,
) -> list[float]:
    """Return how far the images, made in shared calls with that sampler, are from those that diffusers makes alone.

    `make` makes an image with `theirs` in place of `latents`.
    """
    make = make or latents
    images = [replace(params, sampler=sampler, schedule=schedule) for params in images]
    own = theirs.scheduler
    set_sampler(theirs, sampler, schedule)
    try:
        return [distance(state.latents, make(theirs, state.params)) for state in finish_joined(ours, images)]
    finally:
        theirs.scheduler = own


def arguments(params: GenerationParams) -> dict[str, Any]:
    """Return the arguments with which diffusers' pipeline makes the image."""
    return {
        "prompt": params.prompt,
        "negative_prompt": params.negative_prompt,
        "width": params.width,
        "height": params.height,
        "num_inference_steps": params.steps,
        "guidance_scale": params.guidance_scale,
        "generator": seeded_generator(params.seed),
    }


def xl_arguments(params: GenerationParams) -> dict[str, Any]:
    """Return further arguments for the pipelines of Stable Diffusion XL."""
    left, top = params.crop
    return {
        "original_size": params.original_size and params.original_size[::-1],
        "crops_coords_top_left": (top, left),
        "target_size": params.target_size and params.target_size[::-1],
        "guidance_rescale": params.guidance_rescale,
    }


def latents(theirs: Any, params: GenerationParams, **more: Any) -> Tensor:
    """Return the finished latents of the image with the pipeline's own scheduler. `more` are further arguments."""
    known = inspect.signature(theirs.__call__).parameters
    eta = inspect.signature(theirs.scheduler.step).parameters.get("eta")
    own = {**arguments(params), **xl_arguments(params), "eta": 0.0 if eta is None else eta.default}
    taken = {name: value for name, value in own.items() if name in known}
    made: Tensor = theirs(**{**taken, **more}, output_type="latent").images
    return made


def distance(ours: Tensor, theirs: Tensor) -> float:
    """Return the norm of the difference, relative to the norm of `theirs`."""
    return float((ours - theirs).norm() / theirs.norm())
