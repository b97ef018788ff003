"""Images that start from others equal those of diffusers' own image-to-image pipelines, in calls with any images.

Both draw from one generator: the sample of the image's latents, the initial noise, and then the sampler's noise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.starts.inputs import EncodedImage
from pipelines.runtime.modes import RunMode
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.engine import uploads
from tests.harness.engine.uploads import IMAGE, OTHER_IMAGE
from tests.harness.models import diffusers_inputs, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import distances
from tests.harness.models.pairs import Pair
from tests.harness.models.tiny_model import PARAMS, SIDE, begin
from tests.harness.work_plans import assert_keeps_to_its_plan

TOLERANCE = 3e-5
LMS_TOLERANCE = 1e-4
"""Diffusers integrates the coefficients of LMS numerically."""
IMAGES = [
    replace(PARAMS, steps=6, image=IMAGE, strength=0.5),
    replace(PARAMS, steps=3),
    replace(PARAMS, steps=5, image=OTHER_IMAGE, strength=0.35, guidance_scale=1.0, seed=7),
    replace(PARAMS, prompt="", steps=3, image=IMAGE, strength=1.0, seed=8),
]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_matches_diffusers(pair: Pair, sampler: str) -> None:
    ours, theirs = pair("sd15")

    tolerance = LMS_TOLERANCE if sampler == "lms" else TOLERANCE
    assert max(distances(ours, theirs, sampler, images=IMAGES, make=diffusers_inputs.latents)) < tolerance


def test_a_strength_that_would_leave_no_step_is_refused(pipeline: LatentDiffusion) -> None:
    with pytest.raises(InvalidParamsError) as refusal:
        begin(pipeline, replace(PARAMS, steps=3, image=IMAGE, strength=0.3))

    assert refusal.value.field == "strength"


@pytest.mark.parametrize("sampler", ["ddim", "heun", "pndm"])
def test_an_image_keeps_to_its_plan(pipeline: LatentDiffusion, sampler: str) -> None:
    params = replace(PARAMS, steps=6, sampler=sampler, image=IMAGE, strength=0.5)

    assert_keeps_to_its_plan(pipeline, params)


def test_images_that_share_what_was_encoded_draw_samples_of_their_own(pipeline: LatentDiffusion) -> None:
    images = [replace(PARAMS, image=IMAGE, strength=0.7, seed=seed) for seed in (1, 2, 1)]

    first, other, again = finish_joined(pipeline, images)

    torch.testing.assert_close(first.latents, again.latents, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(first.latents, other.latents, rtol=1e-2, atol=1e-2)


def test_in_exact_mode_an_image_that_starts_from_another_has_the_same_bits_in_any_batch(model_folder: Path) -> None:
    exact = tiny_model.load(model_folder, mode=RunMode(exact=True, max_rows=4, max_decode=2))
    images = [replace(each, sampler="euler_a", width=SIDE, height=SIDE) for each in IMAGES]
    encoded = exact.encode_inputs(images[:1] * 3, [uploads.inputs_of(images[0])] * 3)

    alone = [finish_joined(exact, [params])[0] for params in images]
    together = finish_joined(exact, images)

    (single,) = exact.encode_inputs(images[:1], [uploads.inputs_of(images[0])])
    assert isinstance(single, EncodedImage)
    assert all(isinstance(each, EncodedImage) and torch.equal(each.image.mean, single.image.mean) for each in encoded)
    assert all(torch.equal(one.latents, other.latents) for one, other in zip(alone, together, strict=True))


def test_an_encode_in_tiles_is_another_one_except_in_exact_mode(pipeline: LatentDiffusion, model_folder: Path) -> None:
    """In exact mode an image must not depend on how much memory the others take."""
    exact = tiny_model.load(model_folder, mode=RunMode(exact=True, max_rows=4, max_decode=1))
    wide = replace(PARAMS, width=576, image=IMAGE)

    def means(pipeline: LatentDiffusion) -> list[Tensor]:
        pixels = [uploads.inputs_of(wide)]
        encoded = [pipeline.encode_inputs([wide], pixels, tiled=tiled)[0] for tiled in (False, True)]
        return [each.image.mean for each in encoded if isinstance(each, EncodedImage)]

    plain, tiled = means(pipeline)
    assert not torch.equal(plain, tiled)
    assert (plain - tiled).abs().mean() < 0.1 * plain.std()
    plain, tiled = means(exact)
    assert torch.equal(plain, tiled)


def test_an_upcast_image_starts_from_the_same_image(pipeline: LatentDiffusion) -> None:
    params = replace(PARAMS, image=IMAGE, strength=0.7)
    plain = begin(pipeline, params)

    upcast = pipeline.begin_upcast(params, uploads.encode(pipeline, params))

    assert torch.equal(upcast.latents, plain.latents)
    assert upcast.next_call is not None
    assert upcast.next_call.key.phase == "upcast"
