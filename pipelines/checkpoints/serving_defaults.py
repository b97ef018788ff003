"""Defaults that a model's own scheduler implies: its sampler, and its steps and guidance where they are special.

A distilled model does not say that it is one. The evidence is the scheduler that its makers gave it. Torch-free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pipelines.sampling import samplers

SAMPLER: Final = "dpm++_2m"
"""The default of models whose own scheduler no sampler stands for."""
STEPS: Final = 25
GUIDANCE_SCALE: Final = 7.5
NO_GUIDANCE: Final = 1.0
EMBEDDED_GUIDANCE_SCALE: Final = 8.5
"""The default of models that take guidance as an input: that of diffusers' LatentConsistencyModelPipeline."""

_EULER: Final = frozenset({"EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler"})


class _Kind(NamedTuple):
    """A kind of model that is made with other steps and guidance than most."""

    name: str
    steps: int
    guidance_scale: float


_LCM: Final = _Kind("latent consistency (LCM)", 4, NO_GUIDANCE)
"""arXiv:2310.04378."""
_TCD: Final = _Kind("trajectory consistency (TCD, Hyper-SD)", 4, NO_GUIDANCE)
"""arXiv:2402.19159 and arXiv:2404.13686."""
_TURBO: Final = _Kind("Turbo or Lightning", 4, NO_GUIDANCE)
"""arXiv:2311.17042 and arXiv:2402.13929. Turbo makes 1 to 4 steps, and Lightning was distilled for 2, 4 or 8."""
_EDM: Final = _Kind("EDM", 50, 3.0)
"""The recommendation of the model card of playground-v2.5, the only widely used EDM model."""
_BY_SCHEDULER: Final = {"LCMScheduler": _LCM, "TCDScheduler": _TCD}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingDefaults:
    sampler: str
    steps: int
    guidance_scale: float
    special_kind: str | None
    """The kind of model that the scheduler points to, if images of it take other steps or guidance than most."""


def from_scheduler(
    config: Mapping[str, Any], *, guidance_scale: float = GUIDANCE_SCALE, embeds_guidance: bool = False
) -> ServingDefaults:
    """Return the defaults of a model whose own scheduler has that configuration, with all defaults filled in.

    `guidance_scale` is the usual one of the model's family. `embeds_guidance` says that the UNet takes it as an input.
    """
    own = samplers.find_own(config)
    kind = _special_kind(config) or _Kind("", STEPS, guidance_scale)
    return ServingDefaults(
        sampler=own.name if own else SAMPLER,
        steps=kind.steps,
        guidance_scale=EMBEDDED_GUIDANCE_SCALE if embeds_guidance else kind.guidance_scale,
        special_kind=kind.name or None,
    )


def _special_kind(config: Mapping[str, Any]) -> _Kind | None:
    """Find the kind by the scheduler's class, and Turbo and Lightning by trailing timesteps besides.

    Both ship Euler with trailing timesteps, which no other models that predict noise do.
    """
    class_name = str(config.get("_class_name"))
    if class_name in samplers.EDM_SCHEDULERS:
        return _EDM
    trailing_noise = (config.get("timestep_spacing"), config.get("prediction_type")) == ("trailing", "epsilon")
    return _TURBO if class_name in _EULER and trailing_noise else _BY_SCHEDULER.get(class_name)
