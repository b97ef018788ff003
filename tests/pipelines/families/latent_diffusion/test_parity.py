"""Images of a mixed batch equal those that diffusers' own StableDiffusionPipeline makes alone.

Latents agree to `TOLERANCE` of their norm, in float32 on the CPU. All samplers draw the same noise as diffusers does:
one tensor of the latents' shape at the start, and one in each step of a stochastic sampler, from one generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from diffusers import StableDiffusionPipeline

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import IMAGES, arguments, distance, distances, latents

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def reference(model_folder: Path) -> StableDiffusionPipeline:
    return diffusers_reference.load(model_folder)


@pytest.fixture(scope="module")
def v_reference(v_model_folder: Path) -> StableDiffusionPipeline:
    return diffusers_reference.load(v_model_folder)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers(
    pipeline: LatentDiffusion, reference: StableDiffusionPipeline, sampler: str
) -> None:
    assert max(distances(pipeline, reference, sampler)) < TOLERANCE


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers_for_v_predictions(
    v_pipeline: LatentDiffusion, v_reference: StableDiffusionPipeline, sampler: str
) -> None:
    assert max(distances(v_pipeline, v_reference, sampler)) < TOLERANCE


@pytest.mark.parametrize(("kind", "sampler"), [("sd21", "ddim"), ("sd21_zero_snr", "ddim"), ("sd_turbo", "euler")])
def test_each_kind_of_stable_diffusion_2_matches_diffusers_with_its_own_scheduler(
    zoo: Callable[[str], Path], kind: str, sampler: str
) -> None:
    """Heads, projections and the text encoder are not those of Stable Diffusion 1."""
    ours, theirs = tiny_model.load(zoo(kind)), diffusers_reference.load(zoo(kind), StableDiffusionPipeline)
    images = [replace(params, sampler=sampler) for params in IMAGES]
    images.append(replace(images[0], guidance_rescale=0.7, seed=15))

    made = finish_joined(ours, images)

    assert ours.info.default_sampler == sampler
    for state, params in zip(made, images, strict=True):
        assert distance(state.latents, latents(theirs, params)) < TOLERANCE


@pytest.mark.parametrize("schedule", ["karras", "exponential", "beta"])
@pytest.mark.parametrize("sampler", ["euler", "dpm++_2m", "dpm2_a"])
def test_every_schedule_matches_diffusers(
    pipeline: LatentDiffusion, reference: StableDiffusionPipeline, sampler: str, schedule: str
) -> None:
    assert max(distances(pipeline, reference, sampler, schedule)) < TOLERANCE


def test_pixels_equal_those_of_diffusers_to_the_bit(
    pipeline: LatentDiffusion, reference: StableDiffusionPipeline
) -> None:
    params = replace(IMAGES[0], sampler="pndm")
    image = reference(**arguments(params), output_type="pil").images[0]

    (state,) = finish_joined(pipeline, [params])
    (ours,) = pipeline.decode([state])

    pixels = np.frombuffer(ours.pixels, np.uint8).reshape(ours.height, ours.width, 3)
    assert np.array_equal(pixels, np.asarray(image))


def test_other_sizes_match_diffusers(pipeline: LatentDiffusion, reference: StableDiffusionPipeline) -> None:
    params = replace(IMAGES[0], sampler="pndm", width=96, height=40)

    (state,) = finish_joined(pipeline, [params])

    assert distance(state.latents, reference(**arguments(params), output_type="latent").images) < TOLERANCE
