"""Samplers make the images of a model with EDM's noise as diffusers' EDM classes do, and refuse it where none does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
import torch

from pipelines.errors import InvalidParamsError
from pipelines.sampling import samplers
from pipelines.sampling.diffusers_schedulers import construct
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.samplers import SAMPLERS, SamplerChoice
from tests.harness.models.sampling import begin, denoise_with_diffusers, finish, label

CONFIG: Final[Mapping[str, Any]] = {
    "_class_name": "EDMDPMSolverMultistepScheduler",
    "sigma_min": 0.002,
    "sigma_max": 80.0,
    "sigma_data": 0.5,
    "rho": 7.0,
    "prediction_type": "epsilon",
    "sigma_schedule": "karras",
    "solver_order": 2,
    "algorithm_type": "dpmsolver++",
}
CHOICES: Final = [
    SamplerChoice(SAMPLERS[name], schedule)
    for name, schedules in samplers.usable(CONFIG).items()
    for schedule in (None, *schedules)
]


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_each_usable_sampler_makes_the_latents_of_diffusers(choice: SamplerChoice, prediction_type: str) -> None:
    config = {**CONFIG, "prediction_type": prediction_type}
    runs = [begin(PreparedSteps(config), choice, count) for count in (1, 2, 7)]

    finish(runs)

    for run in runs:
        expected = denoise_with_diffusers(config, choice, run.calls)
        torch.testing.assert_close(run.latents, expected.float(), rtol=1e-5, atol=1e-5)


def test_the_sampler_of_the_models_own_scheduler_is_found() -> None:
    own = samplers.find_own(CONFIG)

    assert own is not None
    assert own.name == "dpm++_2m"


def test_the_preview_of_a_call_is_the_clean_latents_that_the_schedulers_preconditioning_gives() -> None:
    run = begin(PreparedSteps(CONFIG), SamplerChoice(SAMPLERS["euler"], None), 3)
    scheduler = construct(CONFIG, SamplerChoice(SAMPLERS["euler"], None))
    scheduler.set_timesteps(3)
    on_input, on_output = run.steps.clean[0]
    output = torch.randn(run.latents.shape, generator=torch.Generator("cpu").manual_seed(1))

    ours = on_input * run.input_scale * run.latents + on_output * output

    torch.testing.assert_close(ours, scheduler.precondition_outputs(run.latents, output, scheduler.sigmas[0]))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in samplers.usable(CONFIG)])
def test_another_sampler_is_refused_with_both_names(name: str) -> None:
    with pytest.raises(InvalidParamsError, match=r"EDM noise\. It can use: euler, dpm") as raised:
        PreparedSteps(CONFIG).get(SamplerChoice(SAMPLERS[name], None), 4)

    assert str(raised.value).startswith(f"{name} cannot do")


def test_a_schedule_that_edm_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidParamsError, match=r"dpm\+\+_2m beta cannot .* It can use: karras, exponential\."):
        construct(CONFIG, SamplerChoice(SAMPLERS["dpm++_2m"], "beta"))
