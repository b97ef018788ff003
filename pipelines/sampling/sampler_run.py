"""The progress of one image through its sampler: latents, the sampler's memory, noise and position."""

from __future__ import annotations

import copy
import math
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.configuration_utils import FrozenDict
from torch import Tensor

from pipelines.sampling.linear_steps import CLEAN, FIRST_KEPT, LATENTS, LinearSteps
from pipelines.sampling.noise import DrawnNoise, Noise
from pipelines.transfers import upload


@dataclass(frozen=True, slots=True)
class Steps:
    """The calls of some of the steps of one sampler and noise schedule. Images that take them share them."""

    scheduler: Any
    """A diffusers scheduler that has made no step. It is copied, not used."""
    timesteps: tuple[Tensor, ...]
    """One scalar for each UNet call, in the form that the scheduler's `step` takes."""
    levels: tuple[tuple[float, float], ...]
    """The factors of clean latents and of noise in the latents before each call, at the sampler's scale. Where further
    steps follow that another model makes, also before the first of their calls."""
    clean: tuple[tuple[float, float], ...]
    """The factors of the UNet's input and output in the clean latents that a call predicts."""
    linear: LinearSteps | None
    """None if the scheduler has no linear form. Each image then gets its own copy of it."""
    takes_generator: bool

    def from_noise(self, noise: Tensor) -> Tensor:
        """Return the latents with which an image begins that starts from nothing."""
        return noise * float(self.scheduler.init_noise_sigma)

    def noised(self, clean: Tensor, noise: Tensor, position: int = 0) -> Tensor:
        """Return clean latents with the noise that they have before the call at `position`; after the last one, none.

        These are the latents with which an image begins that starts from another one.
        """
        if position == len(self.levels):
            return clean
        on_clean, on_noise = self.levels[position]
        return on_clean * clean + on_noise * noise


class SamplerRun:
    """An image's progress through its sampler. A call of `commit` ends each step."""

    def __init__(
        self,
        steps: Steps,
        latents: Tensor,
        generator: torch.Generator,
        device: torch.device,
        drawer: Executor | None = None,
    ) -> None:
        """Begin with `latents` [1, C, h, w], those of `Steps.from_noise` or `Steps.noised`. Later noise comes from
        `generator`, and `drawer` draws it ahead. The generator is on the CPU, so that noise is the same on any device.
        """
        shape = latents.shape[1:]
        self.steps = steps
        self.position = 0
        """The number of UNet calls that were made."""
        self._generator = generator
        self._scheduler = None if steps.linear else copy_scheduler(steps.scheduler)
        slots = torch.zeros(steps.linear.rows if steps.linear else FIRST_KEPT, *shape, device=latents.device)
        slots[LATENTS] = latents[0]
        self.slots = upload(slots, device) if slots.device.type == "cpu" else slots
        """[rows, C, h, w], float32: latents, clean latents, and what the sampler keeps, as in `linear_steps`. Rows that
        are missing at the end hold zeros."""
        self.noise = Noise(generator, shape, drawer)
        self._draw_ahead()

    @property
    def calls(self) -> int:
        return len(self.steps.timesteps)

    @property
    def timestep(self) -> float:
        """The timestep of the next UNet call: 0 to 999 in Stable Diffusion, and fractional for some noise schedules."""
        return float(self.steps.timesteps[self.position])

    @property
    def latents(self) -> Tensor:
        """[1, C, h, w], at the sampler's scale."""
        return self.slots[LATENTS : LATENTS + 1]

    @property
    def input_scale(self) -> float:
        """Factor on the latents before the next UNet call. It gives them the scale that the UNet was trained on."""
        if self.steps.linear is not None:
            return self.steps.linear.input_scales[self.position]
        assert self._scheduler is not None, "a sampler without a linear form has a scheduler"
        return float(self._scheduler.scale_model_input(torch.ones(1), self.steps.timesteps[self.position]))

    @property
    def preview(self) -> Tensor:
        """[1, C, h, w], at the UNet's scale: the clean latents that the last call predicted, or the initial noise."""
        return self.slots[CLEAN : CLEAN + 1] if self.position else self.latents * self.input_scale

    @property
    def draws(self) -> bool:
        """Whether the next step takes a tensor from `noise`."""
        return self.steps.linear is not None and self.position < self.calls and self.steps.linear.draws[self.position]

    def step_alone(self, guided: Tensor) -> Tensor:
        """Make the next step with the image's own scheduler, which keeps what it needs. Returns the next slots.

        `guided` [1, C, h, w] is the output of the UNet after guidance. Raises what the scheduler raises.
        """
        assert self._scheduler is not None, "a sampler with a linear form is stepped with others"
        on_input, on_output = self.steps.clean[self.position]
        clean = on_input * self.input_scale * self.latents + on_output * guided
        own_noise = {"generator": self._generator} if self.steps.takes_generator else {}
        timestep = self.steps.timesteps[self.position]
        stepped = self._scheduler.step(guided, timestep, self.latents, return_dict=False, **own_noise)[0]
        return torch.cat([stepped, clean])

    def draw_due(self) -> None:
        """Draw the noise of the next step where its factor is zero, too. The generator then stands after that step."""
        if self.draws:
            self.noise.peek()

    def commit(self, slots: Tensor) -> None:
        """Go on to the next call with these slots."""
        if self.draws:
            self.noise.take()
        self.slots = slots
        self.position += 1
        self._draw_ahead()

    def go_to(self, position: int, slots: Tensor, drawn: DrawnNoise) -> None:
        """Go to the call at `position` of a run of the same steps, with what that run had there.

        Only a sampler with a linear form can: another one keeps more than its slots.
        """
        assert self._scheduler is None, "the sampler has a linear form"
        self.noise.go_to(drawn)
        self.slots = slots
        self.position = position
        if drawn.ahead is None:
            self._draw_ahead()

    def _draw_ahead(self) -> None:
        if self.draws:
            self.noise.draw_ahead()


def clean_factors(prediction_type: str, alpha: float) -> tuple[float, float]:
    """Return the factors of the UNet's input and output in the latents without noise that the output predicts.

    The input is sqrt(a) latents + sqrt(1 - a) noise for the cumulative product a of the alphas, whatever the sampler
    (equation 4 of arXiv:2006.11239; v as in arXiv:2202.00512). "sample" says that the output is the latents. Where
    nothing but noise is left of them, a predicted noise says nothing, and the latents count as zero.
    """
    signal, noise = math.sqrt(alpha), math.sqrt(1 - alpha)
    if prediction_type == "sample":
        return 0.0, 1.0
    if prediction_type == "v_prediction":
        return signal, -noise
    return (1 / signal, -noise / signal) if signal else (0.0, 0.0)


def copy_scheduler(scheduler: Any) -> Any:
    """Copy a scheduler. Copies share what no step writes to: the tables of betas and sigmas, and the configuration."""
    shared = [value for value in vars(scheduler).values() if isinstance(value, (Tensor, FrozenDict))]
    return copy.deepcopy(scheduler, {id(value): value for value in shared})
