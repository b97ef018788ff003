"""Images under masks equal those of diffusers' own inpainting pipelines, with UNets of 4 and of 9 channels.

Both draw from one generator: the sample of the image's latents, the initial noise, the sample of what the mask keeps,
and then the sampler's noise. A UNet of 9 channels takes no sample of the image at full strength.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from tests.harness.engine.uploads import IMAGE, MASK, OTHER_IMAGE
from tests.harness.models import diffusers_inputs
from tests.harness.models.denoising import finish_joined, step
from tests.harness.models.diffusers_reference import distances
from tests.harness.models.pairs import Pair
from tests.harness.models.tiny_model import PARAMS, begin
from tests.harness.work_plans import assert_keeps_to_its_plan

TOLERANCE = 3e-5
MASKED = [
    replace(PARAMS, steps=4, image=IMAGE, mask=MASK, strength=1.0),
    replace(PARAMS, steps=5, image=OTHER_IMAGE, mask=MASK, strength=0.6, guidance_scale=1.0, seed=7),
]
SAMPLERS = ["euler_a", "dpm++_2m", "ddim", "heun", "pndm", "dpm++_2m_sde"]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("kind", ["sd15", "sd_inpaint"])
def test_masks_match_diffusers(pair: Pair, kind: str, sampler: str) -> None:
    ours, theirs = pair(kind)
    # Where the UNet does not read the mask, other images may share the calls.
    others = [replace(PARAMS, image=IMAGE, strength=0.5), PARAMS] if kind == "sd15" else []

    assert max(distances(ours, theirs, sampler, images=[*MASKED, *others], make=diffusers_inputs.latents)) < TOLERANCE


def test_a_unet_that_reads_masks_makes_nothing_without_them(pair: Pair) -> None:
    pipeline, _ = pair("sd_inpaint")
    assert pipeline.info.reads_kept

    for params, field in ((PARAMS, "image"), (replace(PARAMS, image=IMAGE), "mask")):
        with pytest.raises(InvalidParamsError) as refusal:
            begin(pipeline, params)
        assert refusal.value.field == field


def test_an_image_of_a_unet_that_reads_masks_keeps_to_its_plan(pair: Pair) -> None:
    pipeline, _ = pair("sd_inpaint")

    assert_keeps_to_its_plan(pipeline, MASKED[1])


def test_what_is_not_repainted_ends_as_it_was(pipeline: LatentDiffusion) -> None:
    (state,) = finish_joined(pipeline, [MASKED[0]])

    assert state.repainting is not None
    kept = ~state.repainting.mask.expand_as(state.latents)
    assert torch.equal(state.latents[kept], state.repainting.clean[kept])
    assert not torch.equal(state.latents[~kept], state.repainting.clean[~kept])


def test_a_preview_shows_what_is_kept(pipeline: LatentDiffusion) -> None:
    state = begin(pipeline, MASKED[0])
    step(pipeline, [state])

    assert state.repainting is not None
    kept = ~state.repainting.mask.expand_as(state.latents)
    assert torch.equal(state.preview[kept], state.repainting.clean[kept])
    assert torch.equal(state.preview[~kept], state.run.preview[~kept])
