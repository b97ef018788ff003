"""Diffusers scheduler objects for the table of samplers, one copy for each image.

This module decides which settings come from the model and which from the sampler. The sampler of the model's own
scheduler gets that scheduler's whole configuration; every other gets only what says how the model was trained. Each
gets the corrections that diffusers' `StableDiffusionPipeline` makes to old configurations.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import diffusers
import torch
from diffusers import EulerDiscreteScheduler, LMSDiscreteScheduler
from diffusers.configuration_utils import FrozenDict
from torch import Tensor

from pipelines.errors import InvalidParamsError
from pipelines.sampling.samplers import SCHEDULES, SamplerChoice, find_own

PREBUILT: Final = 128
"""Capacity of the cache of schedulers by sampler, noise schedule and number of steps; least recently used go first."""

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


@dataclass(frozen=True, slots=True)
class _Prebuilt:
    scheduler: Any
    timesteps: tuple[Tensor, ...]
    """One scalar for each UNet call, in the form that the scheduler's `step` takes."""
    takes_generator: bool


class SamplerRun:
    """One image's progress through its sampler: its own copy of a diffusers scheduler, and its position."""

    def __init__(self, prebuilt: _Prebuilt) -> None:
        self._prebuilt = prebuilt
        self._scheduler = _copy(prebuilt.scheduler)
        self.position = 0
        """The number of UNet calls that were made."""

    @property
    def calls(self) -> int:
        return len(self._prebuilt.timesteps)

    @property
    def timestep(self) -> float:
        """The timestep of the next UNet call: 0 to 999 in Stable Diffusion, and fractional for some noise schedules."""
        return float(self._prebuilt.timesteps[self.position])

    @property
    def init_noise_sigma(self) -> float:
        """Standard deviation of the initial noise."""
        return float(self._scheduler.init_noise_sigma)

    def predict_clean(self, model_input: Tensor, output: Tensor, timestep: float) -> Tensor:
        """Return the latents without noise that the UNet's output for that input and timestep predicts.

        `model_input` is at the UNet's scale. There it is sqrt(a) latents + sqrt(1 - a) noise for the cumulative product
        a of the alphas, whatever the sampler (equation 4 of arXiv:2006.11239; v as in arXiv:2202.00512).
        """
        alpha = float(self._scheduler.alphas_cumprod[round(timestep)])
        signal, noise = math.sqrt(alpha), math.sqrt(1 - alpha)
        if self._scheduler.config.prediction_type == "v_prediction":
            return signal * model_input - noise * output
        return (model_input - noise * output) / signal

    def model_input(self, latents: Tensor) -> Tensor:
        """Return the latents at the scale that the UNet was trained on. Changes no state."""
        scaled: Tensor = self._scheduler.scale_model_input(latents, self._prebuilt.timesteps[self.position])
        return scaled

    def step(self, output: Tensor, latents: Tensor, generator: torch.Generator) -> Tensor:
        """Return the next latents from the guided output of the UNet. All noise comes from `generator`."""
        own_noise = {"generator": generator} if self._prebuilt.takes_generator else {}
        timestep = self._prebuilt.timesteps[self.position]
        stepped: Tensor = self._scheduler.step(output, timestep, latents, return_dict=False, **own_noise)[0]
        self.position += 1
        return stepped


class Schedulers:
    """Starts sampler runs for one model.

    Constructing a scheduler takes up to half a second (KDPM2 sets a thousand timesteps first), and setting its number
    of steps takes milliseconds. Both results are cached, and each image gets a copy.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config` is the `config` of a scheduler loaded from the model's folder, with all defaults filled in."""
        self._constructed = lru_cache(maxsize=None)(partial(construct, dict(config)))
        self._prebuilt = lru_cache(maxsize=PREBUILT)(self._build)

    def start(self, choice: SamplerChoice, steps: int) -> SamplerRun:
        """Start a run. Raises `InvalidParamsError` where the model's timesteps cannot be spaced in that many steps."""
        return SamplerRun(self._prebuilt(choice, steps))

    def _build(self, choice: SamplerChoice, steps: int) -> _Prebuilt:
        scheduler = _copy(self._constructed(choice))
        _set_timesteps(scheduler, steps, choice.sampler.calls(steps))
        timesteps = tuple(scheduler.timesteps.unbind())
        # diffusers has no public name for it.
        if hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
            scheduler._sigma_to_alpha_sigma_t = _tabled(scheduler._sigma_to_alpha_sigma_t, scheduler.sigmas)  # noqa: SLF001
        # Sigma schedulers fill some fields on the first call. After it, further calls change no state.
        scheduler.scale_model_input(torch.zeros(1), timesteps[0])
        return _Prebuilt(scheduler, timesteps, "generator" in inspect.signature(scheduler.step).parameters)


def _set_timesteps(scheduler: Any, steps: int, calls: int) -> None:
    """Space the timesteps. Raises `InvalidParamsError` where that does not give the number of calls."""
    try:
        scheduler.set_timesteps(steps, device="cpu")
    except ValueError:  # LCM refuses more steps than its model was distilled from.
        spaced = 0
    else:
        spaced = len(scheduler.timesteps)
    if spaced != calls:
        # Rounding makes diffusers' "trailing" spacing overshoot for some numbers, 61 among them.
        raise InvalidParamsError(
            "steps", "This model's timesteps cannot be spaced evenly in that many steps. Try another number."
        )
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)


def _tabled(convert: Callable[[Tensor], tuple[Tensor, Tensor]], sigmas: Tensor) -> Callable[[Tensor], Any]:
    """`convert` for these sigmas, bit for bit, looked up: computing it takes two fifths of a step of DPM-Solver++.

    `sigmas` are on the CPU, and so is what the table holds. UniPC moves its sigmas to the device of the latents and
    stacks what comes back with other device tensors, so a sigma on another device is converted there.
    """
    table = {float(sigma): convert(sigma) for sigma in sigmas}
    return lambda sigma: table[float(sigma)] if sigma.device.type == "cpu" else convert(sigma)


def construct(config: Mapping[str, Any], choice: SamplerChoice) -> Any:
    """Make a diffusers scheduler for that choice and for a model whose own scheduler has that configuration."""
    fields = dict(config) if choice.sampler is find_own(config) else _training_fields(config)
    fields |= _STABLE_DIFFUSION_FIELDS
    fields |= choice.sampler.scheduler_fields
    if choice.schedule is not None:
        fields |= {f"use_{schedule}_sigmas": schedule == choice.schedule for schedule in SCHEDULES}
    scheduler_class = getattr(diffusers, choice.sampler.scheduler)
    if scheduler_class is LMSDiscreteScheduler:
        scheduler_class = ExactLMSScheduler
    if fields.get("rescale_betas_zero_snr") and not _accepted(scheduler_class, {"rescale_betas_zero_snr": True}):
        fields["trained_betas"] = _zero_snr_betas(fields)
    return scheduler_class(**_accepted(scheduler_class, fields))


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


def _copy(scheduler: Any) -> Any:
    """Copy a scheduler. Copies share what no step writes to: the tables of betas and sigmas, and the configuration."""
    shared = [value for value in vars(scheduler).values() if isinstance(value, (Tensor, FrozenDict))]
    return copy.deepcopy(scheduler, {id(value): value for value in shared})
