"""Defaults that a model's own scheduler implies: its sampler, and few steps without guidance where it was distilled.

A distilled model does not say that it is one. The evidence is the scheduler that its makers gave it. Torch-free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipelines.sampling import samplers

SAMPLER: Final = "dpm++_2m"
"""The default of models whose own scheduler no sampler stands for."""
STEPS: Final = 25
GUIDANCE_SCALE: Final = 7.5

FEW_STEPS: Final = 4
NO_GUIDANCE: Final = 1.0

_EULER: Final = frozenset({"EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingDefaults:
    sampler: str
    steps: int
    guidance_scale: float
    distilled_kind: str | None
    """The kind of distilled model that the scheduler is evidence of."""


def from_scheduler(config: Mapping[str, Any]) -> ServingDefaults:
    """Return the defaults of a model whose own scheduler has that configuration, with all defaults filled in."""
    own = samplers.find_own(config)
    kind = _distilled_kind(config)
    return ServingDefaults(
        sampler=own.name if own else SAMPLER,
        steps=FEW_STEPS if kind else STEPS,
        guidance_scale=NO_GUIDANCE if kind else GUIDANCE_SCALE,
        distilled_kind=kind,
    )


def _distilled_kind(config: Mapping[str, Any]) -> str | None:
    """Latent consistency models have a scheduler class of their own (arXiv:2310.04378).

    Turbo (arXiv:2311.17042) and Lightning (arXiv:2402.13929) ship Euler with trailing timesteps, which no other models
    that predict noise do.
    """
    class_name = config.get("_class_name")
    if class_name == "LCMScheduler":
        return "LCM"
    trailing_noise = (config.get("timestep_spacing"), config.get("prediction_type")) == ("trailing", "epsilon")
    return "Turbo or Lightning" if class_name in _EULER and trailing_noise else None
