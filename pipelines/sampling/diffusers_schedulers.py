"""Diffusers scheduler objects for the table of samplers.

This module decides which settings come from the model (how it was trained) and which from the sampler. It applies to
every scheduler class the corrections that diffusers' `StableDiffusionPipeline` makes to old configurations.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, Final

import diffusers
from diffusers import LMSDiscreteScheduler

from pipelines.sampling.samplers import SamplerChoice

_TRAINING_FIELDS: Final = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)
"""Fields that describe how the model was trained. Every sampler gets the model's values, defaults included."""

_CHOSEN_FIELDS: Final = ("timestep_spacing", "set_alpha_to_one")
"""Fields that come from the model only where its configuration sets them. Otherwise the class's own default holds."""

_STABLE_DIFFUSION_FIELDS: Final = {"steps_offset": 1, "clip_sample": False, "skip_prk_steps": True}
"""Fields that latent diffusion needs whatever the configuration says. Latents exceed 1 and must not be clipped, Stable
Diffusion counts its timesteps from one, and its PNDM has no Runge-Kutta steps."""


_FIRST_TIMESTEPS: Final = 2


class ExactLMSScheduler(LMSDiscreteScheduler):  # type: ignore[misc]  # diffusers has no types
    """LMS with exact coefficients. Diffusers integrates numerically in every step, which takes milliseconds."""

    def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
        """Integrate a Lagrange polynomial of degree 3 or less, for which two Gauss-Legendre points are exact."""
        recent = [float(self.sigmas[t - k]) for k in range(order)]
        end = float(self.sigmas[t + 1])
        middle, half = (end + recent[0]) / 2, (end - recent[0]) / 2
        own = recent.pop(current_order)
        integral = 0.0
        for tau in (middle - half / math.sqrt(3), middle + half / math.sqrt(3)):
            product = half
            for other in recent:
                product *= (tau - other) / (own - other)
            integral += product
        return integral


def construct(config: Mapping[str, Any], choice: SamplerChoice) -> Any:
    """Make a diffusers scheduler for that choice and for a model whose own scheduler has that configuration."""
    left_at_default = config.get("_use_default_values", ())
    fields = {name: config[name] for name in _TRAINING_FIELDS if name in config}
    fields |= {name: config[name] for name in _CHOSEN_FIELDS if name in config and name not in left_at_default}
    fields = {"set_alpha_to_one": False} | fields | _STABLE_DIFFUSION_FIELDS
    fields |= choice.sampler.scheduler_fields
    if choice.schedule is not None:
        fields[f"use_{choice.schedule}_sigmas"] = True
    scheduler_class = getattr(diffusers, choice.sampler.scheduler)
    if scheduler_class is LMSDiscreteScheduler:
        scheduler_class = ExactLMSScheduler
    accepted = inspect.signature(scheduler_class.__init__).parameters
    return _instantiate(scheduler_class, {name: value for name, value in fields.items() if name in accepted})


def _instantiate(scheduler_class: Any, fields: Mapping[str, Any]) -> Any:
    """Construct a scheduler that has few timesteps, and not all of training, with which some classes start.

    It takes DPM2 a quarter of a second to space a thousand timesteps, and each image spaces its own.
    """

    class Sparse(scheduler_class):  # type: ignore[misc]  # diffusers has no types
        def set_timesteps(self, *_: object) -> None:
            super().set_timesteps(_FIRST_TIMESTEPS)

    scheduler = Sparse(**fields)
    scheduler.__class__ = scheduler_class
    return scheduler
