"""The refiner is a model of its own: images of a mixed batch equal those that diffusers makes alone.

StableDiffusionXLImg2ImgPipeline does not begin without an image, so it is given the initial noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import distance, distances
from tests.pipelines.families.sdxl.test_parity import IMAGES, PARAMS

TOLERANCE = 3e-5
"""The ancestral DPM2 of diffusers rounds to 1.3e-5."""


@pytest.fixture(scope="module")
def refiner(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("sdxl_refiner"))


@pytest.fixture(scope="module")
def reference(zoo: Callable[[str], Path]) -> Any:
    return diffusers_reference.load(zoo("sdxl_refiner"))


def latents(reference: Any, params: GenerationParams) -> Tensor:
    """Make the image from the noise with which ours begins."""
    generator = torch.Generator("cpu").manual_seed(params.seed)
    reference.scheduler.set_timesteps(params.steps)
    noise = torch.randn(1, 4, params.height // 8, params.width // 8, generator=generator)
    return diffusers_reference.latents(
        reference,
        params,
        image=torch.zeros(1, 3, params.height, params.width),
        strength=1.0,
        latents=noise * reference.scheduler.init_noise_sigma,
        generator=generator,
        negative_crops_coords_top_left=params.crop[::-1],
    )


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers(refiner: LatentDiffusion, reference: Any, sampler: str) -> None:
    assert max(distances(refiner, reference, sampler, images=IMAGES, make=latents)) < TOLERANCE


def test_a_missing_negative_prompt_is_the_empty_text(refiner: LatentDiffusion) -> None:
    missing, empty = (refiner.texts(replace(PARAMS, negative_prompt=negative)) for negative in (None, ""))

    assert missing == empty


def test_the_target_size_does_not_matter_but_the_original_one_does(refiner: LatentDiffusion) -> None:
    plain, target, original = finish_joined(
        refiner, [PARAMS, replace(PARAMS, target_size=(512, 768)), replace(PARAMS, original_size=(512, 768))]
    )

    assert distance(target.latents, plain.latents) < TOLERANCE
    assert distance(original.latents, plain.latents) > 100 * TOLERANCE
