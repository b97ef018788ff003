"""A scheduler's configuration says the same as diffusers would read from it, without an object of its class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest

from pipelines.checkpoints.files import scheduler_configs
from pipelines.errors import ModelLoadError
from pipelines.sampling.samplers import SAMPLERS

PATH = Path("scheduler_config.json")
TRAINING: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CLASSES = sorted({sampler.scheduler for sampler in SAMPLERS.values()})


def fill_in(class_name: str, **fields: object) -> dict[str, Any]:
    return scheduler_configs.fill_in(PATH, class_name, fields)


@pytest.mark.parametrize("class_name", CLASSES)
def test_a_configuration_reads_as_diffusers_reads_it(class_name: str) -> None:
    """It may have leftovers of another class, and fields that the file itself says are left at their default."""
    fields = {**TRAINING, "a_leftover": 1, "num_train_timesteps": 500, "_use_default_values": ["num_train_timesteps"]}
    expected = dict(getattr(diffusers, class_name).from_config(fields).config)

    filled = fill_in(class_name, **fields)

    own = {name: value for name, value in filled.items() if not name.startswith("_")}
    assert own == {name: expected[name] for name in own}
    assert set(filled["_use_default_values"]) == set(expected["_use_default_values"])
    assert filled["_class_name"] == class_name
    assert "a_leftover" not in filled


@pytest.mark.parametrize("class_name", ["DPMSolverSDEScheduler", "TCDScheduler", "SASolverScheduler", "IPNDMScheduler"])
def test_a_class_that_no_sampler_stands_for_says_how_the_model_was_trained(class_name: str) -> None:
    assert scheduler_configs.is_known(class_name)

    filled = fill_in(class_name, **TRAINING, prediction_type="v_prediction", eta=1.0)

    assert filled.items() >= {**TRAINING, "prediction_type": "v_prediction", "num_train_timesteps": 1000}.items()
    assert "eta" not in filled


def test_a_class_without_betas_needs_them_in_its_configuration() -> None:
    with pytest.raises(ModelLoadError, match="does not say how the model was trained: IPNDMScheduler has no betas"):
        fill_in("IPNDMScheduler", num_train_timesteps=1000)


@pytest.mark.parametrize(
    ("fields", "hint"),
    [
        (
            {"prediction_type": "v-prediction"},
            "is 'v-prediction', which no scheduler knows. Did you mean v_prediction?",
        ),
        ({"beta_schedule": "scaled-linear"}, "Did you mean scaled_linear?"),
        ({"timestep_spacing": 3}, "is 3, which no scheduler knows. Known values: linspace, leading, trailing."),
        ({"prediction_type": ["epsilon"]}, "which no scheduler knows."),
    ],
)
def test_a_misspelled_value_is_refused_with_the_right_one(fields: dict[str, object], hint: str) -> None:
    with pytest.raises(ModelLoadError) as refusal:
        fill_in("DDIMScheduler", **fields)

    (field,) = fields
    assert str(refusal.value).startswith(f"{PATH}: {field} is ")
    assert hint in str(refusal.value)


@pytest.mark.parametrize("class_name", ["FlowMatchEulerDiscreteScheduler", "CMStochasticIterativeScheduler"])
def test_classes_of_another_mathematics_are_not_known(class_name: str) -> None:
    assert not scheduler_configs.is_known(class_name)
