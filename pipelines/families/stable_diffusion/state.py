"""The state of one image while a latent diffusion model makes it, and the result of a UNet call for it. Values only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipelines.interface import NextCall
from pipelines.params import GenerationParams
from pipelines.runtime.networks import Networks
from pipelines.sampling.diffusers_schedulers import SamplerRun


@dataclass(frozen=True, slots=True)
class Prediction:
    """The result of one UNet call for one image."""

    model_input: Tensor
    """[1, C, h, w], float32: the latents that the UNet was given, at its own scale."""
    output: Tensor
    """[rows, C, h, w], float32: one row for each of the image's texts, in their order."""
    finite: bool
    """False if the output holds NaN or infinity."""


@dataclass(frozen=True, slots=True)
class LastPrediction:
    """The last call's input and its output after guidance, kept for previews."""

    model_input: Tensor
    output: Tensor
    timestep: float


class LatentState:
    """An image that was begun. It shares nothing that a step writes to with other images."""

    def __init__(
        self,
        params: GenerationParams,
        *,
        first_call: NextCall,
        networks: Networks,
        conditioning: Tensor,
        run: SamplerRun,
        generator: torch.Generator,
        latents: Tensor,
    ) -> None:
        self.params = params
        self.first_call = first_call
        self.networks = networks
        """The model's own networks, or their copy in a wider dtype for an upcast image."""
        self.conditioning = conditioning
        """[rows, tokens, features]: one row for each of the image's texts, in their order."""
        self.run = run
        self.generator = generator
        """On the CPU, so that the noise is the same on any device."""
        self.latents = latents
        """[1, C, h, w], float32, at the sampler's scale."""
        self.last_prediction: LastPrediction | None = None

    @property
    def next_call(self) -> NextCall | None:
        calls_left = self.run.calls - self.run.position
        return replace(self.first_call, calls_left=calls_left) if calls_left else None

    @property
    def step(self) -> int:
        return self.params.steps * self.run.position // self.run.calls
