"""Models with the noise of EDM (arXiv:2206.00364), as playground-v2.5 has it, are sampled as diffusers samples them."""

from __future__ import annotations

from typing import Any, Final

import pytest
import torch
from diffusers import EDMDPMSolverMultistepScheduler, EDMEulerScheduler

from pipelines.errors import InvalidParamsError
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.samplers import SamplerChoice, find, find_own
from tests.harness.models import sampling
from tests.harness.models.sampling import SHAPE, label, predict

TOLERANCE: Final = 1e-5
PLAYGROUND: Final[dict[str, Any]] = {
    **EDMDPMSolverMultistepScheduler(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5).config,
    "_class_name": "EDMDPMSolverMultistepScheduler",
}
EULER: Final[dict[str, Any]] = {**EDMEulerScheduler().config, "_class_name": "EDMEulerScheduler"}
CHOICES: Final = [
    find(name, schedule)
    for name in ("euler", "dpm++_2m", "dpm++_2m_sde")
    for schedule in (None, "karras", "exponential")
]


@pytest.mark.parametrize("choice", CHOICES, ids=label)
@pytest.mark.parametrize("count", [1, 6])
def test_latents_are_those_of_diffusers(choice: SamplerChoice, count: int) -> None:
    run = sampling.begin(PreparedSteps(PLAYGROUND), choice, count, seed=3)

    sampling.finish([run])

    theirs = sampling.denoise_with_diffusers(PLAYGROUND, choice, count, seed=3)
    assert float((run.latents - theirs).norm() / theirs.norm()) < TOLERANCE


@pytest.mark.parametrize(("config", "sampler"), [(PLAYGROUND, "dpm++_2m"), (EULER, "euler")])
def test_the_models_own_scheduler_is_a_sampler_of_the_table(config: dict[str, Any], sampler: str) -> None:
    own = find_own(config)

    assert own is not None
    assert own.name == sampler


def test_the_noise_of_the_model_is_kept_whatever_the_sampler() -> None:
    steps = PreparedSteps({**PLAYGROUND, "sigma_max": 40.0, "sigma_data": 1.0}).get(find("euler"), 4)

    assert float(steps.scheduler.sigmas[0]) == pytest.approx(40)
    assert steps.scheduler.config.sigma_data == 1.0


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_previews_show_the_clean_latents_that_a_call_predicts(prediction: str) -> None:
    run = sampling.begin(PreparedSteps({**PLAYGROUND, "prediction_type": prediction}), find("euler"), 4)
    model_input = run.latents * run.input_scale
    scheduler, latents = run.steps.scheduler, run.latents.clone()

    sampling.advance([run])

    expected = scheduler.precondition_outputs(latents, predict(model_input), scheduler.sigmas[0])
    torch.testing.assert_close(run.preview, expected, rtol=1e-4, atol=1e-4)
    assert run.preview.shape == (1, *SHAPE)


def test_a_schedule_that_edm_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidParamsError) as refusal:
        PreparedSteps(PLAYGROUND).get(find("euler", "beta"), 4)

    assert refusal.value.field == "schedule"
