"""Diffusers scheduler objects for the table of samplers, one copy per image.

What is said by the model (how it was trained) is kept apart from what is said by the sampler; the corrections that
`StableDiffusionPipeline` makes to old configurations when it is built are made here for every class.
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
from diffusers import LMSDiscreteScheduler
from diffusers.configuration_utils import FrozenDict
from torch import Tensor

from pipelines.errors import InvalidParamsError
from pipelines.sampling.samplers import SamplerChoice

PREBUILT: Final = 128
"""Schedulers kept ready, one for each sampler, schedule and number of steps in use; the least used one goes first."""

_TRAINING_FIELDS: Final = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)
"""How the model was trained: the same for every sampler, also where the configuration left them at their defaults."""

_CHOSEN_FIELDS: Final = ("timestep_spacing", "set_alpha_to_one")
"""The model's wish only where it is written down: the classes have defaults of their own."""

_STABLE_DIFFUSION_FIELDS: Final = {"steps_offset": 1, "clip_sample": False, "skip_prk_steps": True}
"""What latent diffusion needs whatever a configuration says: latents are not bounded by one, and so may not be
clipped; Stable Diffusion counts its timesteps from one; its PNDM leaves the Runge-Kutta steps out."""

_SAMPLER_FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "dpm++_2m_sde": {"algorithm_type": "sde-dpmsolver++"},
    # DPMSolverSDEScheduler seeds a Brownian tree of its own; this class draws from the generator that it is handed.
    "dpm++_sde": {"algorithm_type": "sde-dpmsolver++"},
}


class ExactLMSScheduler(LMSDiscreteScheduler):  # type: ignore[misc]  # diffusers has no types
    """LMS without numerical integration in every step, which takes diffusers milliseconds an image."""

    def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
        """Integral of a Lagrange polynomial of third degree at most: two Gauss-Legendre points are exact."""
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
    """One scalar per UNet call, as diffusers hands them to `step`."""
    takes_generator: bool


class SamplerRun:
    """One image's way through its sampler: a diffusers scheduler of its own, and how far it has come."""

    def __init__(self, prebuilt: _Prebuilt) -> None:
        self._prebuilt = prebuilt
        self._scheduler = _copy(prebuilt.scheduler)
        self.position = 0
        """UNet calls done."""

    @property
    def calls(self) -> int:
        return len(self._prebuilt.timesteps)

    @property
    def timestep(self) -> float:
        """Where the next UNet call stands, 0 to 999 in Stable Diffusion; between whole numbers for some schedules."""
        return float(self._prebuilt.timesteps[self.position])

    @property
    def start_scale(self) -> float:
        """Standard deviation of the noise to start from."""
        return float(self._scheduler.init_noise_sigma)

    def clean(self, model_input: Tensor, output: Tensor, timestep: float) -> Tensor:
        """The latents without noise, as the UNet's output for that input and timestep has them.

        `model_input` is at the UNet's scale, where it is sqrt(a) latents + sqrt(1 - a) noise for the cumulated alpha a
        whatever the sampler (equation 4 of arXiv:2006.11239; v as in arXiv:2202.00512).
        """
        alpha = float(self._scheduler.alphas_cumprod[round(timestep)])
        signal, noise = math.sqrt(alpha), math.sqrt(1 - alpha)
        if self._scheduler.config.prediction_type == "v_prediction":
            return signal * model_input - noise * output
        return (model_input - noise * output) / signal

    def model_input(self, latents: Tensor) -> Tensor:
        """The latents at the scale that the UNet was trained on; changes nothing."""
        scaled: Tensor = self._scheduler.scale_model_input(latents, self._prebuilt.timesteps[self.position])
        return scaled

    def step(self, output: Tensor, latents: Tensor, generator: torch.Generator) -> Tensor:
        """The next latents, from the UNet's guided output; all noise comes from `generator`."""
        own_noise = {"generator": generator} if self._prebuilt.takes_generator else {}
        timestep = self._prebuilt.timesteps[self.position]
        stepped: Tensor = self._scheduler.step(output, timestep, latents, return_dict=False, **own_noise)[0]
        self.position += 1
        return stepped


class Schedulers:
    """Runs of any sampler for one model.

    Schedulers take up to half a second to construct (KDPM2 sets a thousand timesteps first) and milliseconds to set to
    a number of steps, so both are done once, and an image gets a copy.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config` is the configuration of the model's own scheduler, as its class resolved it."""
        self._constructed = lru_cache(maxsize=None)(partial(construct, dict(config)))
        self._prebuilt = lru_cache(maxsize=PREBUILT)(self._build)

    def start(self, choice: SamplerChoice, steps: int) -> SamplerRun:
        """Raises `InvalidParamsError` for a number of steps that this model's timesteps cannot be spaced in."""
        return SamplerRun(self._prebuilt(choice, steps))

    def _build(self, choice: SamplerChoice, steps: int) -> _Prebuilt:
        scheduler = _copy(self._constructed(choice))
        scheduler.set_timesteps(steps, device="cpu")
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        timesteps = tuple(scheduler.timesteps.unbind())
        if len(timesteps) != choice.sampler.calls(steps):
            # Rounding makes diffusers' "trailing" spacing overshoot for some numbers, 61 among them.
            raise InvalidParamsError("steps", "This model's timesteps cannot be spaced evenly in so many steps.")
        if hasattr(scheduler, "_sigma_to_alpha_sigma_t"):
            scheduler._sigma_to_alpha_sigma_t = _tabled(scheduler._sigma_to_alpha_sigma_t, scheduler.sigmas)  # noqa: SLF001
        # The first call settles fields that the sigma schedulers fill lazily, so that later ones change nothing.
        scheduler.scale_model_input(torch.zeros(1), timesteps[0])
        return _Prebuilt(scheduler, timesteps, "generator" in inspect.signature(scheduler.step).parameters)


def _tabled(convert: Callable[[Tensor], tuple[Tensor, Tensor]], sigmas: Tensor) -> Callable[[Tensor], Any]:
    """`convert` for these sigmas, bit for bit, looked up: computing it takes two fifths of a step of DPM-Solver++.

    `sigmas` are on the CPU, and so is what the table holds. UniPC moves its sigmas to the device of the latents and
    stacks what comes back with other device tensors, so a sigma on another device is converted there.
    """
    table = {float(sigma): convert(sigma) for sigma in sigmas}
    return lambda sigma: table[float(sigma)] if sigma.device.type == "cpu" else convert(sigma)


def construct(config: Mapping[str, Any], choice: SamplerChoice) -> Any:
    """A diffusers scheduler for that choice, for a model whose own scheduler has that configuration."""
    left_at_default = config.get("_use_default_values", ())
    fields = {name: config[name] for name in _TRAINING_FIELDS if name in config}
    fields |= {name: config[name] for name in _CHOSEN_FIELDS if name in config and name not in left_at_default}
    fields = {"set_alpha_to_one": False} | fields | _STABLE_DIFFUSION_FIELDS
    fields |= _SAMPLER_FIELDS.get(choice.sampler.name, {})
    if choice.schedule is not None:
        fields[f"use_{choice.schedule}_sigmas"] = True
    scheduler_class = getattr(diffusers, choice.sampler.scheduler)
    if scheduler_class is LMSDiscreteScheduler:
        scheduler_class = ExactLMSScheduler
    accepted = inspect.signature(scheduler_class.__init__).parameters
    return scheduler_class(**{name: value for name, value in fields.items() if name in accepted})


def _copy(scheduler: Any) -> Any:
    """A copy that shares only what no step writes to: the tables of betas and sigmas, and the configuration."""
    shared = [value for value in vars(scheduler).values() if isinstance(value, (Tensor, FrozenDict))]
    return copy.deepcopy(scheduler, {id(value): value for value in shared})
