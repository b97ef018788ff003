"""The schedulers that replace diffusers' own make the same steps, and make them where diffusers' lose the noise."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

import diffusers
import pytest
import torch
from diffusers import LMSDiscreteScheduler

from pipelines.sampling import exact_schedulers
from pipelines.sampling.diffusers_schedulers import construct
from pipelines.sampling.exact_schedulers import EXACT_WHERE_NOISE_FALLS_FAR
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.samplers import SCHEDULES, find
from tests.harness.models.sampling import CONFIG

COSINE: Final[dict[str, Any]] = {
    **CONFIG,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "epsilon",
    "timestep_spacing": "linspace",
}
ANCESTRAL: Final = ("euler_a", "dpm2_a")


def test_lms_coefficients_equal_those_that_diffusers_integrates_numerically() -> None:
    exact = construct(CONFIG, find("lms", "karras"))
    numerical = LMSDiscreteScheduler(**CONFIG, use_karras_sigmas=True)
    for scheduler in (exact, numerical):
        scheduler.set_timesteps(10)

    for order, step in product(range(1, 5), range(3, 10)):
        for current in range(order):
            expected = numerical.get_lms_coefficient(order, step, current)
            assert exact.get_lms_coefficient(order, step, current) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("name", ANCESTRAL)
@pytest.mark.parametrize("count", range(1, 13))
def test_ancestral_steps_are_finite_where_the_noise_falls_far(name: str, count: int) -> None:
    linear = PreparedSteps(COSINE).get(find(name), count).linear

    assert linear is not None
    assert linear.matrices.isfinite().all()


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ancestral_steps_with_a_schedule_are_finite_where_the_noise_falls_far(schedule: str) -> None:
    for count in (2, 5, 20):
        linear = PreparedSteps(COSINE).get(find("dpm2_a", schedule), count).linear

        assert linear is not None
        assert linear.matrices.isfinite().all()


@pytest.mark.parametrize("name", ANCESTRAL)
def test_the_noise_levels_in_float64_are_those_of_diffusers(name: str) -> None:
    class_name = find(name).sampler.scheduler
    ours = EXACT_WHERE_NOISE_FALLS_FAR[class_name](**CONFIG)
    theirs = getattr(diffusers, class_name)(**CONFIG)
    for scheduler in (ours, theirs):
        scheduler.set_timesteps(20)

    assert ours.sigmas.dtype is torch.float64
    torch.testing.assert_close(ours.sigmas.float(), theirs.sigmas)
    torch.testing.assert_close(ours.timesteps.float(), theirs.timesteps.float())


@pytest.mark.parametrize("name", ANCESTRAL)
def test_models_whose_noise_falls_little_keep_diffusers_own_class(name: str) -> None:
    scheduler = construct(CONFIG, find(name))

    assert type(scheduler) is getattr(diffusers, find(name).sampler.scheduler)
    assert exact_schedulers.noise_fall(scheduler) < exact_schedulers.MAX_FALL
