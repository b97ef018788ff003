"""A run may begin at an inner step, from clean latents and noise, and then does what diffusers' own schedulers do."""

from __future__ import annotations

from typing import Final

import pytest
import torch
from torch import Tensor

from pipelines.sampling.diffusers_schedulers import construct
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.samplers import SAMPLERS, Sampler, SamplerChoice, find
from tests.harness.models.sampling import (
    CHOICES,
    CONFIG,
    SHAPE,
    advance,
    begin_from,
    denoise_with_diffusers,
    finish,
    label,
    predict,
)

TOLERANCE: Final = 1e-5
LMS_TOLERANCE: Final = 1e-4
"""Diffusers integrates the coefficients of LMS numerically, and its first steps from an inner one are very uneven."""
CLEAN: Final[Tensor] = torch.randn(1, *SHAPE, generator=torch.Generator("cpu").manual_seed(7))

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=lambda sampler: sampler.name)


@pytest.fixture(scope="module")
def prepared() -> PreparedSteps:
    return PreparedSteps(CONFIG)


@every_sampler
@pytest.mark.parametrize(("count", "first_step"), [(6, 3), (5, 4), (4, 0), (3, 1)])
def test_the_table_knows_the_calls_that_are_left(
    prepared: PreparedSteps, sampler: Sampler, count: int, first_step: int
) -> None:
    run = begin_from(prepared, SamplerChoice(sampler, None), count, first_step, CLEAN)

    assert run.calls == len(sampler.call_range(range(first_step, count), count))


@pytest.mark.parametrize("choice", CHOICES, ids=label)
@pytest.mark.parametrize("first_step", [0, 3, 5])
def test_every_sampler_ends_where_diffusers_does(
    prepared: PreparedSteps, choice: SamplerChoice, first_step: int
) -> None:
    run = begin_from(prepared, choice, 6, first_step, CLEAN)

    finish([run])

    theirs = denoise_with_diffusers(CONFIG, choice, 6, clean=CLEAN, first_step=first_step)
    tolerance = LMS_TOLERANCE if choice.sampler.name == "lms" else TOLERANCE
    assert float((run.latents - theirs).norm() / theirs.norm()) < tolerance


@every_sampler
def test_levels_are_those_with_which_diffusers_adds_noise_between_two_steps(
    prepared: PreparedSteps, sampler: Sampler
) -> None:
    """Some schedulers then go by the steps that they have made, and others by the timestep that they are given."""
    steps = prepared.get(SamplerChoice(sampler, None), 5, range(2, 5))
    scheduler = construct(CONFIG, SamplerChoice(sampler, None))
    scheduler.set_timesteps(5)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(2 * scheduler.order)
    clean, noise = torch.randn(2, 1, *SHAPE)
    latents = scheduler.add_noise(clean, noise, steps.timesteps[0][None])

    assert torch.equal(steps.noised(clean, noise), latents)
    for position, timestep in enumerate(steps.timesteps[:-1]):
        output = predict(scheduler.scale_model_input(latents, timestep))
        latents = scheduler.step(output, timestep, latents, return_dict=False)[0]
        theirs = scheduler.add_noise(clean, noise, steps.timesteps[position + 1][None])
        torch.testing.assert_close(steps.noised(clean, noise, position + 1), theirs)
    assert torch.equal(steps.noised(clean, noise, len(steps.timesteps)), clean)


def test_steps_that_begin_elsewhere_are_prepared_apart(prepared: PreparedSteps) -> None:
    whole, part = prepared.get(find("euler"), 4), prepared.get(find("euler"), 4, range(2, 4))

    assert part is not whole
    assert part.timesteps == whole.timesteps[2:]
    assert prepared.get(find("euler"), 4, range(2, 4)) is part


def test_runs_that_begin_at_different_steps_share_calls(prepared: PreparedSteps) -> None:
    choice = find("dpm++_2m")
    alone = [begin_from(prepared, choice, 6, first, CLEAN, seed=first) for first in (0, 3)]
    together = [begin_from(prepared, choice, 6, first, CLEAN, seed=first) for first in (0, 3)]

    for run in alone:
        while run.position < run.calls:
            advance([run])
    finish(together)

    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.latents, other.latents)
