"""Makes an image with a pipeline of ours and with diffusers' own StableDiffusionPipeline, to compare the two."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from pipelines.families.stable_diffusion.state import LatentState
from pipelines.interface import finish_or_raise
from pipelines.params import GenerationParams
from tests.harness import tiny_model

TOLERANCE: Final = 5e-5
"""Of the latents' norm, in float32 on the CPU. An absolute tolerance fails where sigmas are in the thousands."""


def finish(pipeline: LatentDiffusion, params: GenerationParams) -> LatentState:
    """Make all calls of an image, alone."""
    state = tiny_model.begin(pipeline, params)
    while state.next_call:
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    return state


def reference(folder: Path) -> StableDiffusionPipeline:
    loaded = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def reference_latents(pipeline: StableDiffusionPipeline, params: GenerationParams, **arguments: Any) -> Tensor:
    """Return the finished latents of diffusers' pipeline, with its own scheduler."""
    latents: Tensor = pipeline(
        prompt=params.prompt,
        negative_prompt=params.negative_prompt,
        width=params.width,
        height=params.height,
        num_inference_steps=params.steps,
        guidance_scale=params.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(params.seed),
        output_type="latent",
        **arguments,
    ).images
    return latents


def distance(ours: Tensor, theirs: Tensor) -> float:
    """Return the relative distance of two tensors."""
    return float((ours - theirs).norm() / theirs.norm())
