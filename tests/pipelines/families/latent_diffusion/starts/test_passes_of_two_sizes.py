"""An image of two passes equals what diffusers makes with two pipelines: latents, enlarged, then image to image.

One generator draws for both passes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.interface import UPSCALE
from pipelines.params import HiresFix
from pipelines.upscalers import UPSCALERS
from tests.harness.engine.uploads import DECODED, ENLARGED
from tests.harness.models import diffusers_inputs
from tests.harness.models.denoising import finish_joined, step
from tests.harness.models.diffusers_reference import distances
from tests.harness.models.pairs import Pair
from tests.harness.models.tiny_model import PARAMS, begin
from tests.harness.work_plans import assert_keeps_to_its_plan

TOLERANCE = 3e-5
LARGE = replace(PARAMS, width=96, height=80, hires=replace(ENLARGED, strength=0.75))


@pytest.mark.parametrize("upscaler", UPSCALERS)
def test_every_upscaler_matches_diffusers(pair: Pair, upscaler: str) -> None:
    ours, theirs = pair("sd15")
    params = replace(LARGE, hires=replace(ENLARGED, upscaler=upscaler))
    images = [params, replace(PARAMS, steps=5), replace(params, seed=9, guidance_scale=1.0)]

    assert max(distances(ours, theirs, "euler", images=images, make=diffusers_inputs.latents)) < TOLERANCE


@pytest.mark.parametrize("sampler", ["heun", "dpm++_2m_sde", "euler_a", "pndm", "unipc"])
def test_samplers_match_diffusers(pair: Pair, sampler: str) -> None:
    """The last step of a stochastic sampler draws noise that it does not use."""
    ours, theirs = pair("sd15")

    assert max(distances(ours, theirs, sampler, images=[LARGE], make=diffusers_inputs.latents)) < TOLERANCE


def test_stable_diffusion_xl_conditions_each_pass_on_its_size(pair: Pair) -> None:
    ours, theirs = pair("sdxl")

    assert max(distances(ours, theirs, "euler", images=[LARGE], make=diffusers_inputs.latents)) < TOLERANCE


@pytest.mark.parametrize("hires", [ENLARGED, DECODED], ids=lambda hires: hires.upscaler)
@pytest.mark.parametrize("sampler", ["ddim", "heun"])
def test_an_image_keeps_to_its_plan(pipeline: LatentDiffusion, hires: HiresFix, sampler: str) -> None:
    assert_keeps_to_its_plan(pipeline, replace(LARGE, sampler=sampler, hires=hires))


def test_a_second_pass_whose_steps_cannot_be_made_is_refused_at_the_beginning(pipeline: LatentDiffusion) -> None:
    with pytest.raises(InvalidParamsError) as refusal:
        begin(pipeline, replace(LARGE, sampler="lcm", hires=replace(ENLARGED, steps=51)))

    assert refusal.value.field == "hires"


def test_an_enlargement_that_fails_can_be_repeated(pipeline: LatentDiffusion) -> None:
    """An enlargement that fails has drawn nothing from the generators of its images."""
    params = replace(LARGE, steps=1, hires=DECODED)
    sound, broken, alone = (begin(pipeline, params) for _ in range(3))
    for state in (sound, broken, alone):
        step(pipeline, [state])
    broken.run.slots = torch.full_like(broken.run.slots, torch.nan)

    with pytest.raises(Exception, match="NonFinite"):
        pipeline.upscale([sound, broken])
    assert sound.next_call is not None
    assert sound.next_call.key.phase == UPSCALE
    pipeline.upscale([sound])
    pipeline.upscale([alone])

    assert torch.equal(sound.latents, alone.latents)


def test_an_image_can_be_enlarged_in_tiles(pipeline: LatentDiffusion) -> None:
    """An image that is not larger than a tile is the same with them."""
    params = replace(LARGE, steps=1, hires=DECODED)
    plain, tiled = (begin(pipeline, params) for _ in range(2))
    for state in (plain, tiled):
        step(pipeline, [state])

    pipeline.upscale([plain])
    pipeline.upscale([tiled], tiled=True)

    torch.testing.assert_close(tiled.latents, plain.latents)


def test_images_of_other_sizes_share_the_calls_of_each_pass(pipeline: LatentDiffusion) -> None:
    alone = finish_joined(pipeline, [LARGE])
    together = finish_joined(pipeline, [LARGE, replace(PARAMS, steps=5), replace(LARGE, seed=4)])

    torch.testing.assert_close(together[0].latents, alone[0].latents, rtol=1e-4, atol=1e-4)
