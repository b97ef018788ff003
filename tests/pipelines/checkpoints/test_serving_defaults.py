"""The scheduler of a model is evidence of the sampler, the steps and the guidance that it was made for."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.checkpoints import serving_defaults

TRAILING = {"timestep_spacing": "trailing", "prediction_type": "epsilon"}


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"_class_name": "LCMScheduler"}, "LCM"),
        ({"_class_name": "EulerDiscreteScheduler", **TRAILING}, "Turbo or Lightning"),
        ({"_class_name": "EulerAncestralDiscreteScheduler", **TRAILING}, "Turbo or Lightning"),
    ],
)
def test_a_distilled_model_takes_four_steps_without_guidance(config: dict[str, Any], kind: str) -> None:
    defaults = serving_defaults.from_scheduler(config)

    assert (defaults.distilled_kind, defaults.steps, defaults.guidance_scale) == (kind, 4, 1.0)


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

    assert (defaults.distilled_kind, defaults.steps, defaults.guidance_scale) == (None, 25, 7.5)


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
