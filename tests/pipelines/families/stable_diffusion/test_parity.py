"""Images of a mixed batch equal those that diffusers' own StableDiffusionPipeline makes alone.

Latents agree to `TOLERANCE` of their norm, in float32 on the CPU. All samplers draw the same noise as diffusers does:
one tensor of the latents' shape at the start, and one in each step of a stochastic sampler, from one generator.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from pipelines.families.stable_diffusion.state import LatentState
from pipelines.interface import finish_or_raise
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.tiny_model import begin

TOLERANCE = 1e-5

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


@pytest.fixture(scope="module")
def reference(model_folder: Path) -> StableDiffusionPipeline:
    return _reference(model_folder)


@pytest.fixture(scope="module")
def v_reference(v_model_folder: Path) -> StableDiffusionPipeline:
    return _reference(v_model_folder)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers(
    pipeline: LatentDiffusion, reference: StableDiffusionPipeline, sampler: str
) -> None:
    _compare(pipeline, reference, sampler, None)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers_for_v_predictions(
    v_pipeline: LatentDiffusion, v_reference: StableDiffusionPipeline, sampler: str
) -> None:
    _compare(v_pipeline, v_reference, sampler, None)


@pytest.mark.parametrize("schedule", ["karras", "exponential", "beta"])
@pytest.mark.parametrize("sampler", ["euler", "dpm++_2m", "dpm2_a"])
def test_every_schedule_matches_diffusers(
    pipeline: LatentDiffusion, reference: StableDiffusionPipeline, sampler: str, schedule: str
) -> None:
    _compare(pipeline, reference, sampler, schedule)


def test_pixels_equal_those_of_diffusers_to_the_bit(
    pipeline: LatentDiffusion, reference: StableDiffusionPipeline
) -> None:
    params = replace(IMAGES[0], sampler="pndm")
    image = reference(**_call(params), output_type="pil").images[0]

    (state,) = _finish(pipeline, [params])
    (ours,) = pipeline.decode([state])

    pixels = np.frombuffer(ours.pixels, np.uint8).reshape(ours.height, ours.width, 3)
    assert np.array_equal(pixels, np.asarray(image))


def test_other_sizes_match_diffusers(pipeline: LatentDiffusion, reference: StableDiffusionPipeline) -> None:
    params = replace(IMAGES[0], sampler="pndm", width=96, height=40)

    (state,) = _finish(pipeline, [params])

    assert _distance(state.latents, reference(**_call(params), output_type="latent").images) < TOLERANCE


def _reference(folder: Path) -> StableDiffusionPipeline:
    loaded = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def _compare(ours: LatentDiffusion, theirs: StableDiffusionPipeline, sampler: str, schedule: str | None) -> None:
    images = [replace(params, sampler=sampler, schedule=schedule) for params in IMAGES]
    class_name, fields = REFERENCES[sampler]
    if schedule is not None:
        fields = {**fields, f"use_{schedule}_sigmas": True}
    own = theirs.scheduler
    theirs.scheduler = getattr(diffusers, class_name).from_config(own.config, steps_offset=1, **fields)
    try:
        for state in _finish(ours, images):
            expected = theirs(**_call(state.params), output_type="latent").images
            assert _distance(state.latents, expected) < TOLERANCE
    finally:
        theirs.scheduler = own


def _finish(pipeline: LatentDiffusion, images: list[GenerationParams]) -> list[LatentState]:
    """Make all images in shared calls. The first half starts at once, and the others join two calls later."""
    states: list[LatentState] = []
    waiting = [begin(pipeline, params) for params in images]
    early, late = waiting[: (len(waiting) + 1) // 2], waiting[(len(waiting) + 1) // 2 :]
    states, call = early, 0
    while any(state.next_call for state in states):
        running = [state for state in states if state.next_call]
        finish_or_raise(pipeline.advance(running, pipeline.predict(running)))
        call += 1
        if call == 2:
            states = [*states, *late]
    return waiting


def _call(params: GenerationParams) -> dict[str, Any]:
    return {
        "prompt": params.prompt,
        "negative_prompt": params.negative_prompt,
        "width": params.width,
        "height": params.height,
        "num_inference_steps": params.steps,
        "guidance_scale": params.guidance_scale,
        "generator": torch.Generator("cpu").manual_seed(params.seed),
    }


def _distance(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).norm() / theirs.norm())
