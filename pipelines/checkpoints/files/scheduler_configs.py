"""Reads how a model was trained, and how its makers sample it, from the configuration of its scheduler.

No scheduler is made for it: diffusers lacks some classes without a library, and some take no fields of the training.
Fields that belong to another class are left out.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import diffusers

from pipelines.errors import ModelLoadError
from pipelines.families.defaults import LEFT_AT_DEFAULT, filled_in

_TRAINING_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "DDIMInverseScheduler": {},
    "DDIMParallelScheduler": {},
    "DDPMParallelScheduler": {},
    # diffusers has its arguments only where torchsde is installed.
    "DPMSolverSDEScheduler": {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "linear",
        "timestep_spacing": "linspace",
    },
    "IPNDMScheduler": {},
    "SASolverScheduler": {},
    "TCDScheduler": {},
}
"""Classes that no sampler stands for, though what they say of the training suffices for every sampler, with the
defaults that their signatures do not show."""
_KEPT_FIELDS: Final = (
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
    "timestep_spacing",
)
"""Fields that such a class may lack an argument for, although its configuration has kept them from another class."""

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "beta_schedule": ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"),
    "prediction_type": ("epsilon", "v_prediction", "sample", "flow_prediction"),
    "timestep_spacing": ("linspace", "leading", "trailing"),
}
"""Fields whose value is one of a few words. The family says which of them it supports."""


def is_known(class_name: str) -> bool:
    """Whether no sampler stands for that class, but its configuration still tells how the model was trained."""
    return class_name in _TRAINING_DEFAULTS


def fill_in(path: Path, class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return each argument of the class with the configuration's value or its default, `_class_name`, and the names of
    those that the configuration does not set as `_use_default_values`.

    `path` is the configuration's file, for messages. Raises `ModelLoadError` for a value that no scheduler knows.
    """
    defaults = filled_in(getattr(diffusers, class_name), {})
    own = set(defaults)
    if class_name in _TRAINING_DEFAULTS:
        defaults |= _TRAINING_DEFAULTS[class_name]
        own |= {*defaults, *_KEPT_FIELDS}
    left_at_default = config.get(LEFT_AT_DEFAULT, ())
    given = {name: value for name, value in config.items() if name in own and name not in left_at_default}
    _check_choices(path, given)
    filled = defaults | given
    if class_name in _TRAINING_DEFAULTS and not {"beta_start", "trained_betas"} & _set_fields(filled):
        raise ModelLoadError(
            f"{path} does not say how the model was trained: {class_name} has no betas. Take the "
            "scheduler/scheduler_config.json of the model that this one was made from."
        )
    return {**filled, "_class_name": class_name, LEFT_AT_DEFAULT: sorted(set(filled) - set(given))}


def _set_fields(config: Mapping[str, Any]) -> set[str]:
    return {name for name, value in config.items() if value is not None}


def _check_choices(path: Path, config: Mapping[str, Any]) -> None:
    for field, choices in _CHOICES.items():
        value = config.get(field, choices[0])
        if value not in choices:
            close = difflib.get_close_matches(str(value), choices, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known values: {', '.join(choices)}."
            raise ModelLoadError(f"{path}: {field} is {value!r}, which no scheduler knows. {hint}")
