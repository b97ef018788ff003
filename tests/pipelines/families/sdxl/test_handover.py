"""An image that the refiner takes over equals that of diffusers' two pipelines, which pass their latents on.

These cut an image by the number of the timestep, with `denoising_end` and `denoising_start`; ours are cut by steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.starts.handover import HandedOver
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import Stage
from pipelines.params import GenerationParams, Refiner
from pipelines.sampling.noise import seeded_generator
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish
from tests.harness.models.diffusers_reference import distance, latents
from tests.pipelines.families.sdxl.test_parity import PARAMS

TOLERANCE = 3e-5
SINGLE_CALL = [name for name, sampler in SAMPLERS.items() if sampler.calls_per_step == 1 and name != "pndm"]
"""Diffusers cuts the others between the calls of one step."""
REFINED = replace(PARAMS, steps=6, refiner=Refiner(model="refiner", switch_at=0.5))
IMAGES = [
    replace(REFINED, negative_prompt=None),
    replace(REFINED, guidance_scale=1.0, steps=4, refiner=Refiner(model="refiner", switch_at=0.75), seed=3),
]


@pytest.fixture(scope="module")
def base(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("sdxl"))


@pytest.fixture(scope="module")
def refiner(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("sdxl_refiner"))


@pytest.fixture(scope="module")
def references(zoo: Callable[[str], Path]) -> tuple[Any, Any]:
    return diffusers_reference.load(zoo("sdxl")), diffusers_reference.load(zoo("sdxl_refiner"))


def go_on(refiner: LatentDiffusion, state: LatentState, handed_over: HandedOver) -> LatentState:
    params = state.params.after_switch
    assert params is not None
    return refiner.begin(params, refiner.encode(refiner.texts(params)), handed_over)


def refine(base: LatentDiffusion, refiner: LatentDiffusion, images: Sequence[GenerationParams]) -> list[LatentState]:
    """Make images in shared calls of two models."""
    states = [tiny_model.begin(base, params) for params in images]
    finish(base, states)
    refined = [go_on(refiner, state, base.hand_over(state)) for state in states]
    finish(refiner, refined)
    return refined


def reference_latents(references: tuple[Any, Any], params: GenerationParams) -> Tensor:
    first, second = references
    first.scheduler.set_timesteps(params.steps)
    before, after = first.scheduler.timesteps[params.switch_step - 1 : params.switch_step + 1]
    share = 1 - float(before + after) / 2 / first.scheduler.config.num_train_timesteps
    generator = seeded_generator(params.seed)
    unfinished = latents(first, params, denoising_end=share, generator=generator)
    return latents(second, params, image=unfinished, denoising_start=share, generator=generator)


@pytest.mark.parametrize("sampler", SINGLE_CALL)
def test_every_sampler_matches_diffusers(
    base: LatentDiffusion, refiner: LatentDiffusion, references: tuple[Any, Any], sampler: str
) -> None:
    images = [replace(params, sampler=sampler) for params in IMAGES]
    own = [theirs.scheduler for theirs in references]
    for theirs in references:
        diffusers_reference.set_sampler(theirs, sampler)

    distances = [
        distance(state.latents, reference_latents(references, params))
        for state, params in zip(refine(base, refiner, images), images, strict=True)
    ]

    for theirs, scheduler in zip(references, own, strict=True):
        theirs.scheduler = scheduler
    assert max(distances) < TOLERANCE


@pytest.mark.parametrize("sampler", ["euler", "heun", "pndm"])
def test_every_image_keeps_to_its_plan(base: LatentDiffusion, refiner: LatentDiffusion, sampler: str) -> None:
    params = replace(REFINED, sampler=sampler)
    after = params.after_switch
    assert after is not None
    planned = base.plan(params).followed_by(refiner.plan(after))
    state = tiny_model.begin(base, params)
    calls = [state.next_call]
    finish(base, [state])
    calls.append(go_on(refiner, state, base.hand_over(state)).next_call)

    assert [call for call in planned.calls if call.key.stage is Stage.DENOISE] == calls
    assert [call.key.stage for call in planned.calls if call.key.model == base.info.name] == [Stage.TEXT, Stage.DENOISE]
    assert planned.calls[-1].key.stage is Stage.DECODE


def test_a_model_with_other_noise_does_not_go_on(base: LatentDiffusion, zoo: Callable[[str], Path]) -> None:
    other = tiny_model.load(zoo("noobai"))
    state = tiny_model.begin(base, REFINED)
    finish(base, [state])

    assert other.info.latent_space != base.info.latent_space
    with pytest.raises(InvalidParamsError, match="noise levels"):
        go_on(other, state, base.hand_over(state))
