"""On the device too, images of a mixed batch equal those that diffusers makes alone on the same device, in float32."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from diffusers import StableDiffusionPipeline

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import IMAGES, arguments, distances

TOLERANCE = 1e-3
"""Relative to the latents' norm. It is larger than on the CPU, because a GPU computes batches of other shapes with
other kernels. A wrong update of a sampler is off by at least a hundredth."""


@pytest.fixture(scope="module")
def reference(model_folder: Path, device: str) -> StableDiffusionPipeline:
    return diffusers_reference.load(model_folder, device=device)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers(
    wide: LatentDiffusion, reference: StableDiffusionPipeline, sampler: str
) -> None:
    assert max(distances(wide, reference, sampler)) < TOLERANCE


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers_for_v_predictions(v_model_folder: Path, device: str, sampler: str) -> None:
    pipeline = tiny_model.load(v_model_folder, device=device, dtype="float32")

    assert max(distances(pipeline, diffusers_reference.load(v_model_folder, device=device), sampler)) < TOLERANCE


@pytest.mark.parametrize("schedule", ["karras", "exponential", "beta"])
def test_every_schedule_matches_diffusers(
    wide: LatentDiffusion, reference: StableDiffusionPipeline, schedule: str
) -> None:
    assert max(distances(wide, reference, "dpm++_2m", schedule)) < TOLERANCE


def test_pixels_are_those_of_diffusers(wide: LatentDiffusion, reference: StableDiffusionPipeline) -> None:
    params = replace(IMAGES[0], sampler="pndm")
    expected = np.asarray(reference(**arguments(params), output_type="pil").images[0])

    (ours,) = wide.decode(finish_joined(wide, [params]))

    pixels = np.frombuffer(ours.pixels, np.uint8).reshape(ours.height, ours.width, 3)
    assert np.abs(pixels.astype(int) - expected).max() <= 1
