"""The state of one image while a latent diffusion model makes it. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from pipelines.errors import NonFiniteError
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
        conditioning: Tensor,
        run: SamplerRun,
    ) -> None:
        self.params = params
        self.first_call = first_call
        self.networks = networks
        """The model's own networks, or their copy in a wider dtype for an upcast image."""
        self.conditioning = conditioning
        """[rows, tokens, features]: one row for each of the image's texts, in their order."""
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
    finite: Download
    """[images], bool: whether the UNet's output for the image is free of NaN and infinity."""

    @property
    def ready(self) -> bool:
        return self.finite.ready

    def finish(self) -> list[Exception | None]:
        finite = self.finite.result().tolist()
        return [
            error if is_finite else NonFiniteError((position,))
            for position, (error, is_finite) in enumerate(zip(self.sampler_errors, finite, strict=True))
        ]
