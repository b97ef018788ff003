"""Makes the scheduler's configuration of a single file, which has none, from what is known of the file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any, Final

from pipelines.checkpoints.single_file.prediction import EPSILON, Prediction

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_EULER_TRAILING: Final = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
_FEW_STEPS: Final[Mapping[str, Mapping[str, Any]]] = {
    "turbo": _EULER_TRAILING,
    "lightning": _EULER_TRAILING,
    "hypersd": _EULER_TRAILING,
    "hypersdxl": _EULER_TRAILING,
    "lcm": {"_class_name": "LCMScheduler"},
}
"""The fields that the makers of distilled models set in their schedulers, by the word in the file's name."""


def make(config: Mapping[str, Any], prediction: Prediction, few_steps: str | None) -> dict[str, Any]:
    """Return the configuration of the kind's scheduler, changed to what the UNet predicts and how it was distilled.

    Zero terminal SNR needs a class that knows it, and timesteps that begin at the last one (arXiv:2305.08891).
    """
    zero_snr = {**_EULER_TRAILING, "rescale_betas_zero_snr": True} if prediction.zero_terminal_snr else {}
    return {**config, "prediction_type": prediction.type, **_FEW_STEPS.get(few_steps or "", {}), **zero_snr}


def find_few_steps(name: str, prediction: Prediction) -> str | None:
    """Return the word in a file's name that says how the model was distilled. Neither keys nor shapes say it."""
    words = [each.lower() for each in _WORD.findall(name)]
    words += [first + second for first, second in itertools.pairwise(words)]
    return next((each for each in _FEW_STEPS if each in words), None) if prediction.type == EPSILON else None
