"""A model's limits are those of diffusers' schedulers, and whatever they allow gives finite latents.

The stand-in for a UNet predicts whatever the model predicts: it has no networks, and each latent is its own image.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from diffusers import (
    DPMSolverMultistepScheduler,
    EDMDPMSolverMultistepScheduler,
    EDMEulerScheduler,
    LCMScheduler,
)

from pipelines.errors import InvalidParamsError
from pipelines.model_info import SamplerLimits
from pipelines.sampling import model_limits
from pipelines.sampling.diffusers_schedulers import construct, count_timesteps
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.samplers import SAMPLERS, Sampler, SamplerChoice
from tests.harness.models import sampling
from tests.harness.models.sampling import CONFIG

MOST: Final = 150
SPACINGS: Final = ("leading", "trailing", "linspace")
SLOW: Final = ("dpm2", "dpm2_a")
"""Samplers whose classes take 10 ms to space their timesteps, and which are asked about fewer numbers of steps."""
SOME_COUNTS: Final = (1, 2, 7, 60, 61, 62, 103, 121, 122, 149, 150)

KINDS: Final[dict[str, dict[str, Any]]] = {
    "epsilon": {**CONFIG, "prediction_type": "epsilon"},
    "v": {**CONFIG, "prediction_type": "v_prediction"},
    "sample": {**CONFIG, "prediction_type": "sample"},
    "v without terminal signal": {
        **CONFIG,
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    },
    "epsilon without terminal signal": {
        **CONFIG,
        "prediction_type": "epsilon",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    },
    "cosine": {
        **CONFIG,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "epsilon",
        "timestep_spacing": "linspace",
    },
    "cosine, v": {
        **CONFIG,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "v_prediction",
        "timestep_spacing": "trailing",
    },
    "EDM": {**EDMDPMSolverMultistepScheduler().config, "_class_name": "EDMDPMSolverMultistepScheduler"},
    "EDM, v": {**EDMEulerScheduler(prediction_type="v_prediction").config, "_class_name": "EDMEulerScheduler"},
}

every_sampler = pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=lambda sampler: sampler.name)


def limits_of(config: dict[str, Any], sampler: Sampler) -> SamplerLimits:
    return next(each for each in model_limits.find(config, MOST) if each.name == sampler.name)


def own_config(scheduler: Any) -> dict[str, Any]:
    return {**scheduler.config, "_class_name": type(scheduler).__name__}


@every_sampler
@pytest.mark.parametrize("spacing", SPACINGS)
def test_steps_are_possible_exactly_where_diffusers_makes_as_many(sampler: Sampler, spacing: str) -> None:
    config = {**CONFIG, "timestep_spacing": spacing}
    limits = limits_of(config, sampler)
    scheduler = construct(config, SamplerChoice(sampler, None))

    for count in SOME_COUNTS if sampler.name in SLOW else range(1, MOST + 1):
        possible = count <= (limits.max_steps or MOST) and count not in limits.impossible_steps
        assert possible == (count_timesteps(scheduler, count) == sampler.calls(count)), count


@every_sampler
def test_a_named_schedule_takes_the_steps_that_the_models_own_spacing_cannot(sampler: Sampler) -> None:
    for spacing in SPACINGS:
        for schedule in sampler.schedules:
            scheduler = construct({**CONFIG, "timestep_spacing": spacing}, SamplerChoice(sampler, schedule))
            for count in (1, 61, 103) if sampler.name in SLOW else SOME_COUNTS:
                assert count_timesteps(scheduler, count) == sampler.calls(count), (spacing, schedule, count)


def test_trailing_timesteps_cannot_be_divided_into_61_steps() -> None:
    assert {61, 103} <= set(limits_of({**CONFIG, "timestep_spacing": "trailing"}, SAMPLERS["euler"]).impossible_steps)


@every_sampler
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_model_allows_is_finite_and_what_it_refuses_names_the_sampler_and_the_reason(
    sampler: Sampler, kind: str
) -> None:
    config = KINDS[kind]
    limits = limits_of(config, sampler)
    steps = PreparedSteps(config)

    if limits.refusal:
        with pytest.raises(InvalidParamsError) as refusal:
            steps.get(SamplerChoice(sampler, None), 4)
        assert (refusal.value.field, str(refusal.value)) == ("sampler", limits.refusal)
        assert sampler.name in limits.refusal
        assert any(reason in limits.refusal for reason in ("EDM", "no signal", "sample"))
        return
    for schedule in (None, *limits.schedules):
        for count in (1, 2, 4, 20):
            run = sampling.begin(steps, SamplerChoice(sampler, schedule), count)
            sampling.finish([run])
            assert run.latents.isfinite().all(), (schedule, count)


def test_a_model_of_a_common_kind_takes_every_sampler_and_schedule() -> None:
    for kind in ("epsilon", "v", "v without terminal signal", "cosine", "cosine, v"):
        found = model_limits.find(KINDS[kind], MOST)
        assert [each.name for each in found if not each.refusal] == list(SAMPLERS)
        assert [each.schedules for each in found] == [sampler.schedules for sampler in SAMPLERS.values()]


def test_the_noise_of_edm_has_samplers_and_schedules_of_its_own() -> None:
    found = {each.name: each.schedules for each in model_limits.find(KINDS["EDM"], MOST) if not each.refusal}

    assert found == dict.fromkeys(("euler", "dpm++_2m", "dpm++_2m_sde"), ("karras", "exponential"))


def test_a_sampler_takes_no_more_steps_than_its_model_was_distilled_from() -> None:
    config = own_config(LCMScheduler(**CONFIG, original_inference_steps=20))

    assert limits_of(config, SAMPLERS["lcm"]).max_steps == 20
    assert limits_of(config, SAMPLERS["euler"]).max_steps is None


def test_the_models_own_sampler_is_asked_with_its_whole_configuration() -> None:
    config = own_config(DPMSolverMultistepScheduler(**CONFIG, timestep_spacing="trailing", use_karras_sigmas=True))

    assert not limits_of(config, SAMPLERS["dpm++_2m"]).impossible_steps
    assert limits_of(config, SAMPLERS["unipc"]).impossible_steps
