"""The scheduler of a model is evidence of the sampler, the steps and the guidance that it was made for."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.checkpoints import serving_defaults

TRAILING = {"timestep_spacing": "trailing", "prediction_type": "epsilon"}


@pytest.mark.parametrize(
    ("config", "kind", "sampler"),
    [
        ({"_class_name": "LCMScheduler"}, "LCM", "lcm"),
        ({"_class_name": "TCDScheduler"}, "Hyper", "tcd"),
        ({"_class_name": "EulerDiscreteScheduler", **TRAILING}, "Turbo or Lightning", "euler"),
        ({"_class_name": "EulerAncestralDiscreteScheduler", **TRAILING}, "Turbo or Lightning", "euler_a"),
    ],
)
def test_a_distilled_model_takes_four_steps_without_guidance(config: dict[str, Any], kind: str, sampler: str) -> None:
    defaults = serving_defaults.from_scheduler(config, guidance_scale=5.0)

    assert kind in (defaults.special_kind or "")
    assert (defaults.sampler, defaults.steps, defaults.guidance_scale) == (sampler, 4, 1.0)


def test_a_model_that_takes_guidance_as_an_input_has_a_guidance_of_its_own() -> None:
    defaults = serving_defaults.from_scheduler({"_class_name": "LCMScheduler"}, embeds_guidance=True)

    assert (defaults.steps, defaults.guidance_scale) == (4, serving_defaults.EMBEDDED_GUIDANCE_SCALE)


@pytest.mark.parametrize(
    ("class_name", "sampler"), [("EDMEulerScheduler", "euler"), ("EDMDPMSolverMultistepScheduler", "dpm++_2m")]
)
def test_a_model_with_edms_noise_takes_many_steps_and_little_guidance(class_name: str, sampler: str) -> None:
    defaults = serving_defaults.from_scheduler({"_class_name": class_name, "algorithm_type": "dpmsolver++"})

    assert (defaults.sampler, defaults.steps, defaults.guidance_scale) == (sampler, 50, 3.0)


@pytest.mark.parametrize(
    "config",
    [
        {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading", "prediction_type": "epsilon"},
        {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
        {"_class_name": "DDIMScheduler", **TRAILING},
        {},
    ],
)
def test_other_models_take_the_common_defaults(config: dict[str, Any]) -> None:
    defaults = serving_defaults.from_scheduler(config)

    assert (defaults.special_kind, defaults.steps, defaults.guidance_scale) == (None, 25, 7.5)


def test_the_usual_guidance_is_that_of_the_family() -> None:
    assert serving_defaults.from_scheduler({}, guidance_scale=5.0).guidance_scale == 5.0


@pytest.mark.parametrize(
    ("config", "sampler"),
    [
        ({"_class_name": "PNDMScheduler"}, "pndm"),
        ({"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"}, "dpm++_2m_sde"),
        ({"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver"}, "dpm++_2m"),
        ({"_class_name": "AScheduler"}, "dpm++_2m"),
        ({}, "dpm++_2m"),
    ],
)
def test_the_default_sampler_is_the_models_own_or_a_common_one(config: dict[str, Any], sampler: str) -> None:
    assert serving_defaults.from_scheduler(config).sampler == sampler
