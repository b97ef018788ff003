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
from pipelines.sampling import exact_schedulers
from pipelines.sampling.samplers import EDM_SCHEDULERS, EDM_SCHEDULES, SAMPLERS, SCHEDULES, SamplerChoice, find_own

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

_EDM_TRAINING_FIELDS: Final = ("num_train_timesteps", "sigma_min", "sigma_max", "sigma_data", "prediction_type")
"""Fields that describe how a model with the noise of EDM was trained."""

_CHOSEN_FIELDS: Final = ("timestep_spacing", "set_alpha_to_one")
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
    begin_at(scheduler, 0)


def begin_at(scheduler: Any, call: int) -> None:
    """Make a scheduler that has made no step begin with the UNet call of that index."""
    if hasattr(scheduler, "set_begin_index"):  # Others find their place by the timestep.
        scheduler.set_begin_index(call)


def noise_levels(scheduler: Any, first_call: int) -> tuple[tuple[float, float], ...]:
    """Return the factors of clean latents and of noise in the latents before each call, from `first_call` on.

    They are those of diffusers' `add_noise`. The scheduler must not have made a step; it begins at `first_call` after.
    """
    levels = []
    one, zero = torch.ones(1), torch.zeros(1)
    for call in range(first_call, len(scheduler.timesteps)):
        begin_at(scheduler, call)
        timestep = scheduler.timesteps[call : call + 1]
        signal, noise = scheduler.add_noise(one, zero, timestep), scheduler.add_noise(zero, one, timestep)
        levels.append((float(signal), float(noise)))
    begin_at(scheduler, first_call)
    return tuple(levels)


def is_edm(config: Mapping[str, Any]) -> bool:
    """Whether the model whose own scheduler has that configuration was trained with the noise of EDM."""
    return config.get("_class_name") in EDM_SCHEDULERS


def noise_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a scheduler's configuration on which the noise in latents at each of its steps depends.

    A sampler that is the model's own may have further ones, karras for example.
    """
    names = (*(_EDM_TRAINING_FIELDS if is_edm(config) else _TRAINING_FIELDS), *_CHOSEN_FIELDS)
    return {name: config[name] for name in names if name in config and name != "prediction_type"}


def construct(config: Mapping[str, Any], choice: SamplerChoice) -> Any:
    """Make a diffusers scheduler for that choice and for a model whose own scheduler has that configuration.

    Raises `InvalidParamsError` where the sampler cannot do the model's noise.
    """
    return _construct_edm(config, choice) if is_edm(config) else _construct_discrete(config, choice)


def _construct_discrete(config: Mapping[str, Any], choice: SamplerChoice) -> Any:
    fields = dict(config) if choice.sampler is find_own(config) else _training_fields(config)
    fields |= _STABLE_DIFFUSION_FIELDS
    fields |= choice.sampler.scheduler_fields
    if choice.schedule is not None:
        fields |= {f"use_{schedule}_sigmas": schedule == choice.schedule for schedule in SCHEDULES}
    name = choice.sampler.scheduler
    scheduler_class = exact_schedulers.EXACT.get(name) or getattr(diffusers, name)
    if fields.get("rescale_betas_zero_snr") and not _accepted(scheduler_class, {"rescale_betas_zero_snr": True}):
        fields["trained_betas"] = _zero_snr_betas(fields)
    scheduler = _instantiate(scheduler_class, _accepted(scheduler_class, fields))
    precise_class = exact_schedulers.EXACT_WHERE_NOISE_FALLS_FAR.get(name)
    if precise_class is not None and exact_schedulers.noise_fall(scheduler) > exact_schedulers.MAX_FALL:
        return _instantiate(precise_class, _accepted(scheduler_class, fields))
    return scheduler


def _construct_edm(config: Mapping[str, Any], choice: SamplerChoice) -> Any:
    sampler, schedule = choice
    if sampler.edm_scheduler is None:
        able = ", ".join(name for name, each in SAMPLERS.items() if each.edm_scheduler)
        raise InvalidParamsError(
            "sampler", f"The sampler {sampler.name} cannot do this model's noise, EDM. Try {able}."
        )
    if schedule is not None and schedule not in EDM_SCHEDULES:
        known = " and ".join(EDM_SCHEDULES)
        raise InvalidParamsError("schedule", f"This model's noise, EDM, can have these schedules: {known}.")
    own = sampler is find_own(config)
    fields = dict(config) if own else {name: config[name] for name in _EDM_TRAINING_FIELDS if name in config}
    fields |= sampler.scheduler_fields
    if schedule is not None:
        fields["sigma_schedule"] = schedule
    scheduler_class = getattr(diffusers, sampler.edm_scheduler)
    return _instantiate(scheduler_class, _accepted(scheduler_class, fields))


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
