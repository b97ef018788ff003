"""Diffusers scheduler objects for the table of samplers.

This module decides which settings come from the model and which from the sampler. The sampler of the model's own
scheduler gets that scheduler's whole configuration; every other gets only what says how the model was trained. Each
gets the corrections that diffusers' `StableDiffusionPipeline` makes to old configurations.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

import diffusers
import torch
from diffusers import EulerDiscreteScheduler

from pipelines.errors import InvalidParamsError
from pipelines.sampling import exact_schedulers, samplers
from pipelines.sampling.samplers import SCHEDULES, SamplerChoice, find_own

_TRAINING_FIELDS: Final = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
    "sigma_min",
    "sigma_max",
    "sigma_data",
    "rho",
)
"""Fields that describe how the model was trained. Every sampler gets the model's values, defaults included."""

_CHOSEN_FIELDS: Final = ("timestep_spacing", "set_alpha_to_one", "sigma_schedule")
"""Fields that come from the model only where its configuration sets them. Otherwise the class's own default holds."""

_STABLE_DIFFUSION_FIELDS: Final = {"steps_offset": 1, "clip_sample": False, "skip_prk_steps": True}
"""Fields that latent diffusion needs whatever the configuration says. Latents exceed 1 and must not be clipped, Stable
Diffusion counts its timesteps from one, and its PNDM has no Runge-Kutta steps."""

_FIRST_TIMESTEPS: Final = 2


def count_timesteps(scheduler: Any, steps: int) -> int:
    """Space the timesteps and return how many there are, 0 where the scheduler refuses that many steps."""
    try:
        scheduler.set_timesteps(steps, device="cpu")
    except ValueError:  # LCM refuses more steps than its model was distilled from.
        return 0
    return len(scheduler.timesteps)


def set_timesteps(scheduler: Any, steps: int, calls: int) -> None:
    """Space the timesteps. Raises `InvalidParamsError` where that does not give the number of calls."""
    if count_timesteps(scheduler, steps) != calls:
        # Rounding makes diffusers' "trailing" spacing overshoot for some numbers, 61 among them.
        raise InvalidParamsError(
            "steps", "This model's timesteps cannot be spaced evenly in that many steps. Try another number."
        )
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)


def construct(config: Mapping[str, Any], choice: SamplerChoice) -> Any:
    """Make a diffusers scheduler for that choice and for a model whose own scheduler has that configuration.

    Raises `InvalidParamsError` for a sampler that cannot make images with that model's kind of noise.
    """
    class_name = choice.sampler.scheduler_for(config)
    if class_name is None:
        raise _refusal("sampler", choice, config)
    if choice.schedule is not None and choice.schedule not in samplers.usable(config)[choice.sampler.name]:
        raise _refusal("schedule", choice, config)
    fields = dict(config) if choice.sampler is find_own(config) else _training_fields(config)
    fields |= _STABLE_DIFFUSION_FIELDS
    fields |= choice.sampler.scheduler_fields
    if choice.schedule is not None:
        fields |= {f"use_{schedule}_sigmas": schedule == choice.schedule for schedule in SCHEDULES}
        fields["sigma_schedule"] = choice.schedule  # the argument of EDM's classes
    scheduler_class = exact_schedulers.EXACT.get(class_name) or getattr(diffusers, class_name)
    if fields.get("rescale_betas_zero_snr") and not _accepted(scheduler_class, {"rescale_betas_zero_snr": True}):
        fields["trained_betas"] = _zero_snr_betas(fields)
    scheduler = _instantiate(scheduler_class, _accepted(scheduler_class, fields))
    precise_class = exact_schedulers.EXACT_WHERE_NOISE_FALLS_FAR.get(class_name)
    if precise_class is not None and exact_schedulers.noise_fall(scheduler) > exact_schedulers.MAX_FALL:
        return _instantiate(precise_class, _accepted(scheduler_class, fields))
    return scheduler


def _refusal(field: str, choice: SamplerChoice, config: Mapping[str, Any]) -> InvalidParamsError:
    """Say that this model, whose noise is EDM's, cannot use the sampler or its schedule."""
    usable = samplers.usable(config)
    known = usable if field == "sampler" else usable[choice.sampler.name]
    name = " ".join(filter(None, (choice.sampler.name, choice.schedule)))
    return InvalidParamsError(
        field, f"The sampler {name} cannot do this model's noise, EDM. It can use: {', '.join(known)}."
    )


def _training_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    left_at_default = config.get("_use_default_values", ())
    fields = {name: config[name] for name in _TRAINING_FIELDS if name in config}
    chosen = {name: config[name] for name in _CHOSEN_FIELDS if name in config and name not in left_at_default}
    return {"set_alpha_to_one": False} | fields | chosen


def _accepted(scheduler_class: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the class has an argument for."""
    arguments = inspect.signature(scheduler_class.__init__).parameters
    return {name: value for name, value in fields.items() if name in arguments}


def _zero_snr_betas(fields: Mapping[str, Any]) -> list[float]:
    """Return betas without signal at the last timestep (arXiv:2305.08891, algorithm 1), for classes that lack them.

    They are those of EulerDiscreteScheduler, which leaves 2**-24 of the signal's power so that no sigma is infinite.
    """
    alphas_cumprod = EulerDiscreteScheduler(**_accepted(EulerDiscreteScheduler, fields)).alphas_cumprod.double()
    alphas = torch.cat([alphas_cumprod[:1], alphas_cumprod[1:] / alphas_cumprod[:-1]])
    betas: list[float] = (1 - alphas).tolist()
    return betas


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
