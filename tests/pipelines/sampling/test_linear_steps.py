"""The matrices of steps are the known formulas, hold only what later steps read, and exist only for linear steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, UniPCMultistepScheduler

from pipelines.sampling import linear_steps
from pipelines.sampling.linear_steps import CLEAN, COLUMNS, FIRST_KEPT, FIRST_SLOT, LATENTS, NOISE, OUTPUT, LinearSteps
from pipelines.sampling.prepared_steps import PreparedSteps
from tests.harness.models.sampling import CHOICES, CONFIG, label

CLEAN_FACTORS = (0.25, -0.5)


def read(scheduler: Any, count: int = 4) -> LinearSteps | None:
    scheduler.set_timesteps(count)
    timesteps = scheduler.timesteps.unbind()
    return linear_steps.read(scheduler, timesteps, [CLEAN_FACTORS] * len(timesteps))


def test_the_matrices_of_euler_are_its_formula() -> None:
    scheduler = EulerDiscreteScheduler(**CONFIG)

    steps = read(scheduler)

    assert steps is not None
    sigmas = scheduler.sigmas
    expected = torch.zeros(4, steps.rows, COLUMNS)
    expected[:, LATENTS, FIRST_SLOT + LATENTS] = 1
    expected[:, LATENTS, OUTPUT] = sigmas[1:] - sigmas[:-1]
    expected[:, CLEAN, FIRST_SLOT + LATENTS] = CLEAN_FACTORS[0] / (sigmas[:-1] ** 2 + 1).sqrt()
    expected[:, CLEAN, OUTPUT] = CLEAN_FACTORS[1]
    torch.testing.assert_close(steps.matrices[:, : steps.rows], expected)
    assert steps.rows == FIRST_KEPT
    torch.testing.assert_close(torch.tensor(steps.input_scales), 1 / (sigmas[:-1] ** 2 + 1).sqrt())


def test_the_matrices_of_ddim_are_its_formula() -> None:
    scheduler = DDIMScheduler(**CONFIG, clip_sample=False, set_alpha_to_one=False)

    steps = read(scheduler)

    assert steps is not None
    alphas = scheduler.alphas_cumprod[scheduler.timesteps].double()
    following = torch.cat([alphas[1:], scheduler.final_alpha_cumprod.double()[None]])
    on_latents = (following / alphas).sqrt()
    torch.testing.assert_close(steps.matrices[:, LATENTS, FIRST_SLOT + LATENTS], on_latents.float())
    on_output = (1 - following).sqrt() - on_latents * (1 - alphas).sqrt()
    torch.testing.assert_close(steps.matrices[:, LATENTS, OUTPUT], on_output.float(), rtol=1e-5, atol=1e-6)


def test_only_what_later_steps_read_is_kept() -> None:
    """DPM++ 2M holds two predictions after a step, of which the next step reads one, and the last step reads none."""
    steps = read(DPMSolverMultistepScheduler(**CONFIG))

    assert steps is not None
    assert steps.rows == FIRST_KEPT + 1
    assert not steps.matrices[0, :, FIRST_SLOT + FIRST_KEPT :].any()
    assert not steps.matrices[-1, FIRST_KEPT:].any()


def test_no_matrix_reads_the_clean_latents_of_the_call_before() -> None:
    for choice in CHOICES:
        steps = PreparedSteps(CONFIG).get(choice, 5).linear
        assert steps is not None, label(choice)
        assert not steps.matrices[:, :, FIRST_SLOT + CLEAN].any(), label(choice)


def test_noise_is_announced_where_it_is_drawn() -> None:
    noisy = read(DPMSolverMultistepScheduler(**CONFIG, algorithm_type="sde-dpmsolver++"))
    quiet = read(DPMSolverMultistepScheduler(**CONFIG, algorithm_type="dpmsolver++"))

    assert noisy is not None
    assert quiet is not None
    assert all(noisy.draws)
    assert noisy.matrices[:-1, LATENTS, NOISE].all()
    assert not any(quiet.draws)
    assert not quiet.matrices[:, :, NOISE].any()


@pytest.mark.parametrize(
    "scheduler",
    [
        DDIMScheduler(**CONFIG, clip_sample=True),
        DDIMScheduler(**CONFIG, clip_sample=False, thresholding=True),
        DPMSolverMultistepScheduler(**CONFIG, thresholding=True),
    ],
    ids=["clip", "threshold", "threshold in a solver"],
)
def test_clipping_and_thresholding_have_no_linear_form(scheduler: Any) -> None:
    assert read(scheduler) is None


def test_a_solver_that_keeps_more_than_there_is_room_for_has_no_linear_form() -> None:
    assert read(UniPCMultistepScheduler(**CONFIG, solver_order=3), 8) is not None
    assert read(UniPCMultistepScheduler(**CONFIG, solver_order=5), 12) is None
