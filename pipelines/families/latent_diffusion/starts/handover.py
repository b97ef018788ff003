"""Hands an image over to another model in the middle of its steps: the refiner of Stable Diffusion XL, for example.

The other model goes on at the noise level at which the first one stopped, with the image's own noise. The sampler
begins its history anew, as it does in diffusers' pipelines with `denoising_end` and `denoising_start`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.starts.inputs import Start
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.sampling.sampler_run import Steps

_LEVEL_TOLERANCE: Final = 1e-4
"""Relative difference up to which two noise levels count as equal: they are computed in float32."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """Implements `interface.EncodedInput`: an image between two models, on the CPU."""

    start: Start
    """The latents that the first model left, at the sampler's scale, and what its mask keeps."""
    generator_state: Tensor
    """The state of the generator that draws the image's noise."""
    step: int
    """Steps done, as users count them."""
    level: tuple[float, float]
    """The factors of clean latents and of noise in the latents."""

    def start_with(self, steps: Steps) -> Start:
        """Return the start of the steps that follow. Raises `InvalidParamsError` where they begin with other noise."""
        levels = zip(self.level, steps.levels[0], strict=True)
        if not all(math.isclose(ours, theirs, rel_tol=_LEVEL_TOLERANCE) for ours, theirs in levels):
            raise InvalidParamsError("refiner", "With this sampler, the two models do not have the same noise levels.")
        return self.start

    @property
    def nbytes(self) -> int:
        repainting = self.start.repainting
        kept = () if repainting is None else (repainting.mask, repainting.clean, repainting.noise)
        return sum(each.nbytes for each in (self.start.latents, *kept))

    def generator(self) -> torch.Generator:
        """Return a generator that goes on where that of the first model stopped."""
        generator = torch.Generator()
        generator.set_state(self.generator_state)
        return generator


def hand_over(state: LatentState) -> HandedOver:
    """Return an image whose first model has made its calls. Waits for the device."""
    repainting = state.repainting and state.repainting.moved(Tensor.cpu)
    # The slots hold more than the latents: a copy frees them.
    start = Start(state.latents.clone().cpu(), repainting)
    return HandedOver(start, state.generator.get_state(), state.step, state.run.steps.levels[state.run.position])
