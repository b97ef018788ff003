"""Images that start from others equal those that the pipelines of diffusers for image to image and inpainting make."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLInpaintPipeline
from PIL import Image
from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import InputPixels
from pipelines.params import GenerationParams
from tests.harness.engine import uploads
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish
from tests.harness.models.diffusers_reference import distance, latents
from tests.pipelines.families.sdxl.test_parity import PARAMS

TOLERANCE = 3e-5
SAMPLERS = ["euler", "euler_a", "heun", "ddim"]
START = replace(PARAMS, image=uploads.IMAGE, strength=0.6, steps=5)
IMAGES = [
    START,
    replace(START, negative_prompt=None, strength=0.35, steps=6, original_size=(512, 768), crop=(10, 20), seed=2),
    replace(START, guidance_scale=1.0, strength=1.0, steps=3, seed=3),
]


def begin(pipeline: LatentDiffusion, params: GenerationParams) -> LatentState:
    (encoded,) = pipeline.encode_inputs([params], [uploads.inputs_of(params)])
    return pipeline.begin(params, pipeline.encode(pipeline.texts(params)), encoded)


def opened(pixels: InputPixels) -> Image.Image:
    return Image.frombytes("RGB" if pixels.channels == 3 else "L", (pixels.width, pixels.height), pixels.pixels)


def reference_latents(theirs: Any, params: GenerationParams) -> Tensor:
    image, *masks = map(opened, uploads.inputs_of(params))
    mask = {"mask_image": masks[0]} if masks else {}
    crop = params.crop[::-1]
    return latents(theirs, params, image=image, strength=params.strength, negative_crops_coords_top_left=crop, **mask)


def assert_match(pipeline: LatentDiffusion, theirs: Any, images: list[GenerationParams]) -> None:
    states = [begin(pipeline, params) for params in images]
    finish(pipeline, states)

    for state, params in zip(states, images, strict=True):
        assert distance(state.latents, reference_latents(theirs, params)) < TOLERANCE


Load = Callable[[str], LatentDiffusion]


@pytest.fixture(scope="module")
def load(zoo: Callable[[str], Path]) -> Load:
    return functools.cache(lambda kind: tiny_model.load(zoo(kind)))


@pytest.mark.parametrize("kind", ["sdxl", "sdxl_refiner"])
def test_image_to_image_matches_diffusers(zoo: Callable[[str], Path], load: Load, kind: str) -> None:
    theirs = diffusers_reference.load(zoo(kind), StableDiffusionXLImg2ImgPipeline)
    own = theirs.scheduler
    for sampler in SAMPLERS:
        theirs.scheduler = own
        diffusers_reference.set_sampler(theirs, sampler)

        assert_match(load(kind), theirs, [replace(params, sampler=sampler) for params in IMAGES])


@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.parametrize("kind", ["sdxl", "sdxl_inpaint"])
def test_inpainting_matches_diffusers(zoo: Callable[[str], Path], load: Load, kind: str, strength: float) -> None:
    theirs = diffusers_reference.load(zoo(kind), StableDiffusionXLInpaintPipeline)

    assert_match(load(kind), theirs, [replace(each, mask=uploads.MASK, strength=strength) for each in IMAGES])


def test_latents_of_a_mean_of_their_own_match_diffusers(zoo: Callable[[str], Path], load: Load) -> None:
    theirs = diffusers_reference.load(zoo("playground"), StableDiffusionXLImg2ImgPipeline)

    assert_match(load("playground"), theirs, [replace(params, sampler="dpm++_2m") for params in IMAGES])
