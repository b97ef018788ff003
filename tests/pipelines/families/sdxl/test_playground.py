"""playground-v2.5 has EDM's noise and latents of its own mean and deviation. Its images equal those of diffusers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import arguments, distance, latents
from tests.pipelines.families.sdxl.test_parity import IMAGES, PARAMS

TOLERANCE = 1e-4
"""Between sigmas of 80 and of 0.002, the float32 of diffusers' solver rounds to 2e-5."""
SAMPLERS: dict[str, tuple[str, dict[str, Any]]] = {
    "euler": ("EDMEulerScheduler", {}),
    "dpm++_2m": ("EDMDPMSolverMultistepScheduler", {}),
    "dpm++_2m_sde": ("EDMDPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
}


@pytest.fixture(scope="module")
def playground(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("playground"))


@pytest.fixture(scope="module")
def reference(zoo: Callable[[str], Path]) -> Any:
    return diffusers_reference.load(zoo("playground"))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_that_can_do_its_noise_matches_diffusers(
    playground: LatentDiffusion, reference: Any, sampler: str
) -> None:
    class_name, fields = SAMPLERS[sampler]
    images = [replace(params, sampler=sampler) for params in IMAGES]
    reference.scheduler = getattr(diffusers, class_name)(**fields)

    made = finish_joined(playground, images)

    for state, params in zip(made, images, strict=True):
        assert distance(state.latents, latents(reference, params)) < TOLERANCE


def test_its_own_scheduler_is_its_default_sampler(playground: LatentDiffusion) -> None:
    assert playground.info.default_sampler == "dpm++_2m"


def test_pixels_match_diffusers(playground: LatentDiffusion, reference: Any) -> None:
    params = replace(PARAMS, sampler="dpm++_2m")
    reference.scheduler = diffusers.EDMDPMSolverMultistepScheduler()

    (image,) = playground.decode(finish_joined(playground, [params]))

    theirs = np.asarray(reference(**arguments(params)).images[0]).astype(int)
    ours = np.frombuffer(image.pixels, np.uint8).reshape(theirs.shape).astype(int)
    assert np.abs(ours - theirs).max() <= 1
    assert ours.std() > 0


def test_every_other_sampler_is_refused_with_both_names(playground: LatentDiffusion) -> None:
    refusals = {each.name: each.refusal for each in playground.info.samplers if each.refusal}

    assert set(refusals) == {each.name for each in playground.info.samplers} - set(SAMPLERS)
    for name, refusal in refusals.items():
        assert name in refusal
        assert "EDM" in refusal
        with pytest.raises(InvalidParamsError, match="EDM"):
            playground.begin(replace(PARAMS, sampler=name), playground.encode(playground.texts(PARAMS)))


@torch.inference_mode()
def test_a_preview_shows_the_image_that_the_call_predicts(playground: LatentDiffusion) -> None:
    (state,) = finish_joined(playground, [replace(PARAMS, sampler="dpm++_2m", steps=3)])

    assert distance(state.run.preview, state.latents) < TOLERANCE
