"""The state of one image while a latent diffusion model makes it. Values only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from pipelines.errors import NonFiniteError
from pipelines.families.latent_diffusion.conditioning import Conditioning
from pipelines.interface import NextCall
from pipelines.params import GenerationParams
from pipelines.runtime.networks import Networks
from pipelines.sampling.sampler_run import SamplerRun
from pipelines.transfers import Download


class LatentState:
    """An image that was begun. It shares nothing that a step writes to with other images."""

    def __init__(
        self,
        params: GenerationParams,
        *,
        first_call: NextCall,
        networks: Networks,
        conditioning: Conditioning,
        run: SamplerRun,
    ) -> None:
        self.params = params
        self.first_call = first_call
        self.networks = networks
        """The model's own networks, or their copy in a wider dtype for an upcast image."""
        self.conditioning = conditioning
        """One row for each of the image's texts, in their order."""
        self.run = run
        """Its latents, its noise, and its position."""

    @property
    def latents(self) -> Tensor:
        """[1, C, h, w], float32, at the sampler's scale."""
        return self.run.latents

    @property
    def next_call(self) -> NextCall | None:
        calls_left = self.run.calls - self.run.position
        return replace(self.first_call, calls_left=calls_left) if calls_left else None

    @property
    def step(self) -> int:
        return self.params.steps * self.run.position // self.run.calls


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """Implements `interface.PendingAdvance`."""

    sampler_errors: Sequence[Exception | None]
    """For each image what its own sampler raised."""
    sums: Download
    """[images]: the sum of the image's guided output, which is finite only if all its numbers are."""

    @property
    def ready(self) -> bool:
        return self.sums.ready

    def finish(self) -> list[Exception | None]:
        sums = self.sums.result().tolist()
        return [
            error if math.isfinite(total) else NonFiniteError((position,))
            for position, (error, total) in enumerate(zip(self.sampler_errors, sums, strict=True))
        ]
