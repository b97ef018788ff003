"""Rescaled guidance is that of diffusers, for each image alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from pipelines.sampling import guidance
from tests.harness.models import diffusers_reference
from tests.harness.models.denoising import finish_joined

TOLERANCE = 5e-5
"""Relative to the latents' norm. Diffusers' own rounding is 2e-5 where sigmas are in the thousands."""

PARAMS = GenerationParams(
    prompt="a red fox", negative_prompt="fog", width=64, height=64, steps=4, guidance_scale=9.0, seed=3, sampler="pndm"
)


@pytest.fixture(scope="module")
def reference(model_folder: Path) -> StableDiffusionPipeline:
    return diffusers_reference.load(model_folder)


@pytest.mark.parametrize("share", [0.0, 0.7, 1.0])
def test_rescaled_guidance_matches_diffusers(
    pipeline: LatentDiffusion, reference: StableDiffusionPipeline, share: float
) -> None:
    expected = diffusers_reference.latents(reference, PARAMS, guidance_rescale=share)

    ours = finish_joined(pipeline, [replace(PARAMS, guidance_rescale=share)])[0].latents

    assert diffusers_reference.distance(ours, expected) < TOLERANCE
    plain = finish_joined(pipeline, [PARAMS])[0].latents
    assert (diffusers_reference.distance(plain, expected) > TOLERANCE) == (share > 0)


def test_an_unguided_image_is_not_rescaled(pipeline: LatentDiffusion) -> None:
    unguided = replace(PARAMS, guidance_scale=1.0)

    one, other = (
        finish_joined(pipeline, [replace(unguided, guidance_rescale=share)])[0].latents for share in (0.0, 1.0)
    )

    assert torch.equal(one, other)


def test_each_image_of_a_batch_is_rescaled_by_its_own_share_and_deviation() -> None:
    guided, prompt = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator("cpu").manual_seed(0))
    guided *= torch.tensor([1.0, 5.0, 0.1]).view(-1, 1, 1, 1)

    rescaled = guidance.rescale(guided, prompt, torch.tensor([0.0, 1.0, 0.5]).view(-1, 1, 1, 1))

    assert torch.equal(rescaled[0], guided[0])
    torch.testing.assert_close(rescaled[1].std(), prompt[1].std())
    torch.testing.assert_close(rescaled[2].std(), (prompt[2].std() + guided[2].std()) / 2)


def test_a_prediction_without_deviation_is_left_alone() -> None:
    guided = torch.full((1, 4, 8, 8), 3.0)

    assert torch.equal(guidance.rescale(guided, guided, 1.0), guided)
