"""One image of a latent diffusion model in the making, and what a UNet call says of it. Values only."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.interface import BatchKey, NextCall
from pipelines.params import GenerationParams
from pipelines.runtime.networks import Networks
from pipelines.sampling.diffusers_schedulers import SamplerRun


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one UNet call said of one image."""

    model_input: Tensor
    """[1, C, h, w], float32: what the UNet was shown."""
    output: Tensor
    """[rows, C, h, w], float32: for the negative prompt, if guided, and for the prompt."""
    finite: bool


@dataclass(frozen=True, slots=True)
class LastPrediction:
    """What the last call saw, kept for a preview."""

    model_input: Tensor
    output: Tensor
    timestep: float


class LatentState:
    """One image in the making. Nothing that a step writes to is shared with another."""

    def __init__(
        self,
        params: GenerationParams,
        *,
        key: BatchKey,
        networks: Networks,
        conditioning: Tensor,
        run: SamplerRun,
        generator: torch.Generator,
        latents: Tensor,
    ) -> None:
        self.params = params
        self.key = key
        self.networks = networks
        """What makes it: the model's own, or for an upcast image their wider copy."""
        self.conditioning = conditioning
        """[rows, tokens, features]: the negative prompt's, if guided, and the prompt's."""
        self.run = run
        self.generator = generator
        """On the CPU: the same noise on any device."""
        self.latents = latents
        """[1, C, h, w], float32, at the sampler's scale."""
        self.last_prediction: LastPrediction | None = None

    @property
    def next_call(self) -> NextCall | None:
        calls_left = self.run.calls - self.run.position
        return NextCall(self.key, len(self.conditioning), calls_left) if calls_left else None

    @property
    def step(self) -> int:
        return self.params.steps * self.run.position // self.run.calls
