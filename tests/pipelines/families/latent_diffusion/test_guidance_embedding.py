"""Latent consistency models take their guidance as an input: one row an image, and the latents of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import LatentConsistencyModelPipeline

from pipelines.families.latent_diffusion.guidance_embedding import embed_guidance
from pipelines.params import GenerationParams
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import distance, latents

TOLERANCE = 1e-5
PARAMS = GenerationParams(
    prompt="a red fox", negative_prompt="blur", width=64, height=64, steps=4, guidance_scale=8.0, seed=1, sampler="lcm"
)
IMAGES = [
    PARAMS,
    replace(PARAMS, prompt="two cars", steps=2, guidance_scale=1.0, seed=2),
    replace(PARAMS, prompt="", steps=1, guidance_scale=3.5, seed=3),
    replace(PARAMS, width=96, steps=6, guidance_scale=0.0, seed=4),
]


@pytest.mark.parametrize("kind", ["lcm", "lcm_sdxl"])
def test_a_mixed_batch_matches_diffusers(zoo: Callable[[str], Path], kind: str) -> None:
    ours, theirs = tiny_model.load(zoo(kind)), diffusers_reference.load(zoo(kind))
    square = [params for params in IMAGES if params.width == params.height]

    made = [*finish_joined(ours, square), *finish_joined(ours, IMAGES[len(square) :])]

    for state, params in zip(made, IMAGES, strict=True):
        assert state.conditioning.rows == 1
        assert distance(state.latents, latents(theirs, params)) < TOLERANCE


def test_the_scale_changes_the_image(zoo: Callable[[str], Path]) -> None:
    pipeline = tiny_model.load(zoo("lcm"))

    one, other = finish_joined(pipeline, [PARAMS, replace(PARAMS, guidance_scale=2.0)])

    assert distance(one.latents, other.latents) > 100 * TOLERANCE


def test_the_negative_prompt_is_not_encoded(zoo: Callable[[str], Path]) -> None:
    pipeline = tiny_model.load(zoo("lcm"))

    assert [key.text for key in pipeline.texts(PARAMS)] == [PARAMS.prompt]
    assert pipeline.plan(PARAMS).calls[1].rows == 1


@pytest.mark.parametrize("width", [256, 7])
@pytest.mark.parametrize("scale", [0.0, 1.0, 8.5])
def test_the_embedding_is_that_of_diffusers(scale: float, width: int) -> None:
    theirs = LatentConsistencyModelPipeline.get_guidance_scale_embedding(
        None, torch.tensor(scale - 1).repeat(1), embedding_dim=width
    )

    assert torch.equal(embed_guidance(scale, width), theirs)
