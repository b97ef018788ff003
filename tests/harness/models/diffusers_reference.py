"""Images made by diffusers' own StableDiffusionPipeline, one at a time, to compare ours with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
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
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
}
"""The scheduler class of each sampler, and the fields that it changes in the model's own scheduler configuration."""


def load(folder: Path, device: str = "cpu") -> StableDiffusionPipeline:
    """Load the folder in float32."""
    loaded = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, use_safetensors=True).to(device)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def distances(
    ours: LatentDiffusion,
    theirs: StableDiffusionPipeline,
    sampler: str,
    schedule: str | None = None,
    images: Sequence[GenerationParams] = IMAGES,
) -> list[float]:
    """Return how far the images, made in shared calls with that sampler, are from those that diffusers makes alone."""
    images = [replace(params, sampler=sampler, schedule=schedule) for params in images]
    class_name, fields = REFERENCES[sampler]
    if schedule is not None:
        fields = {**fields, f"use_{schedule}_sigmas": True}
    own = theirs.scheduler
    theirs.scheduler = getattr(diffusers, class_name).from_config(own.config, steps_offset=1, **fields)
    try:
        return [
            distance(state.latents, theirs(**arguments(state.params), output_type="latent").images)
            for state in finish_joined(ours, images)
        ]
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
        "generator": torch.Generator("cpu").manual_seed(params.seed),
    }


def latents(theirs: StableDiffusionPipeline, params: GenerationParams, **more: Any) -> Tensor:
    """Return the finished latents of the image with the pipeline's own scheduler."""
    made: Tensor = theirs(**arguments(params), output_type="latent", **more).images
    return made


def distance(ours: Tensor, theirs: Tensor) -> float:
    """Return the norm of the difference, relative to the norm of `theirs`."""
    return float((ours - theirs).norm() / theirs.norm())
