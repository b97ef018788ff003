"""An image goes on with another model where the first stopped: with its latents, its noise and its count of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.starts.handover import HandedOver
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.params import Refiner
from tests.harness.engine import uploads
from tests.harness.models import tiny_model
from tests.harness.models.denoising import finish
from tests.harness.models.diffusers_reference import distance

TOLERANCE = 1e-5
WITHOUT_HISTORY = ["ddim", "euler", "euler_a", "heun", "dpm2", "dpm2_a", "lcm", "tcd"]
REFINED = replace(tiny_model.PARAMS, steps=6, refiner=Refiner(model="refiner", switch_at=0.5))


@pytest.fixture(scope="module")
def base(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("sd15"))


def go_on(model: LatentDiffusion, state: LatentState, handed_over: HandedOver) -> LatentState:
    params = state.params.after_switch
    assert params is not None
    return model.begin(params, model.encode(model.texts(params)), handed_over)


def begun(base: LatentDiffusion, **fields: Any) -> LatentState:
    """Return an image whose first model has made its calls."""
    state = tiny_model.begin(base, replace(REFINED, **fields))
    finish(base, [state])
    return state


@pytest.mark.parametrize(
    ("sampler", "more"),
    [
        *((sampler, {}) for sampler in WITHOUT_HISTORY),
        ("euler_a", {"image": uploads.IMAGE, "strength": 0.8}),
        ("heun", {"image": uploads.IMAGE, "mask": uploads.MASK}),
    ],
)
def test_the_same_model_goes_on_as_if_nothing_had_happened(
    base: LatentDiffusion, sampler: str, more: dict[str, Any]
) -> None:
    whole = tiny_model.begin(base, replace(REFINED, sampler=sampler, refiner=None, **more))
    finish(base, [whole])

    state = begun(base, sampler=sampler, **more)
    refined = go_on(base, state, base.hand_over(state))
    finish(base, [refined])

    assert distance(refined.latents, whole.latents) < TOLERANCE


def test_the_steps_of_both_models_are_counted_as_one_image(base: LatentDiffusion) -> None:
    for fields, made in (({}, 6), ({"image": uploads.IMAGE, "strength": 0.7}, 4)):
        state = begun(base, **fields)
        refined = go_on(base, state, base.hand_over(state))
        assert refined.step == state.step == made - 3
        finish(base, [refined])
        assert refined.step == made


def test_an_image_can_be_handed_over_and_refined_again(base: LatentDiffusion) -> None:
    """A call that fails is repeated, and so is an image whose numbers overflow."""
    state = begun(base, sampler="euler_a")
    handed_over = base.hand_over(state)

    first, second = go_on(base, state, handed_over), go_on(base, state, handed_over)
    for each in (first, second):
        finish(base, [each])
    after = state.params.after_switch
    assert after is not None
    upcast = base.begin_upcast(after, handed_over)
    finish(base, [upcast])

    assert torch.equal(first.latents, second.latents)
    assert distance(upcast.latents, first.latents) < TOLERANCE
    assert handed_over.nbytes == 4 * state.latents.numel()
