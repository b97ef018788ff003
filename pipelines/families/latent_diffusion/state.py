"""The state of one image while a latent diffusion model makes it. Values only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipelines import upscalers
from pipelines.errors import NonFiniteError
from pipelines.families.latent_diffusion.conditioning import Conditioning
from pipelines.families.latent_diffusion.starts.inputs import Repainting
from pipelines.interface import NextCall
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths
from pipelines.runtime.networks import Networks
from pipelines.sampling.linear_steps import LATENTS
from pipelines.sampling.sampler_run import SamplerRun, Steps
from pipelines.transfers import Download
from pipelines.upscalers import Upscaler


@dataclass(frozen=True, slots=True)
class SecondPass:
    """The facts about the second pass of a hires fix that are known in advance."""

    steps: Steps
    conditioning: Conditioning
    """The rows of the image, for its final size."""
    step_count: int
    """Steps that the pass makes, as users count them."""


class LatentState:
    """An image that was begun. It shares nothing that a step writes to with other images."""

    def __init__(
        self,
        params: GenerationParams,
        *,
        calls: Sequence[NextCall],
        networks: Networks,
        conditioning: Conditioning,
        prompt_lengths: PromptLengths,
        run: SamplerRun,
        steps: int,
        steps_before: int,
        generator: torch.Generator,
        repainting: Repainting | None = None,
        concatenated: Tensor | None = None,
        second: SecondPass | None = None,
    ) -> None:
        """`calls` holds the first call of each phase up to finished latents. `steps` is the number of steps of the
        first pass, as users count them, and `steps_before` of those that another model has made."""
        self.params = params
        self._calls = calls
        self.networks = networks
        """The model's own networks, or their copy in a wider dtype for an upcast image."""
        self.conditioning = conditioning
        """One row for each of the image's texts, in their order."""
        self.prompt_lengths = prompt_lengths
        self.run = run
        """The image's latents, noise and position in its sampler."""
        self.generator = generator
        """Draws all of the image's noise."""
        self.repainting = repainting
        """The part of the input that the mask keeps. None without a mask, or where the UNet reads that part itself."""
        self.concatenated = concatenated
        """[1 or rows, channels, h, w]: what the UNet reads beside the latents, for all rows or for each; or None."""
        self._second = second
        self._steps, self._steps_before = steps, steps_before

    @property
    def latents(self) -> Tensor:
        """[1, C, h, w], float32, at the sampler's scale."""
        return self.run.latents

    @property
    def next_call(self) -> NextCall | None:
        calls_left = self.run.calls - self.run.position
        if calls_left:
            return replace(self._calls[0], calls_left=calls_left)
        return self._calls[1] if self.awaits_second else None

    @property
    def step(self) -> int:
        return self._steps_before + self._steps * self.run.position // self.run.calls

    @property
    def steps_before(self) -> int:
        """Steps before those of the present pass, as users count them."""
        return self._steps_before

    @property
    def awaits_second(self) -> bool:
        """Whether there is a second pass, which has not begun."""
        return self._second is not None

    @property
    def goes_on_at_once(self) -> bool:
        """Whether the next UNet call is the last of a first pass whose latents are enlarged without a call."""
        return self.awaits_second and self.run.position + 1 == self.run.calls and not self.upscaler.decoded

    @property
    def second_pass(self) -> SecondPass:
        assert self._second is not None, "the image has a second pass, which has not begun"
        return self._second

    @property
    def upscaler(self) -> Upscaler:
        """The upscaler between its two passes."""
        assert self.params.hires is not None, "the image has two passes"
        return upscalers.find(self.params.hires.upscaler)

    def begin_second(self, run: SamplerRun) -> None:
        """Go on to the second pass."""
        second, self._second = self.second_pass, None
        self._calls = self._calls[-1:]
        self._steps, self._steps_before = second.step_count, self._steps_before + self._steps
        self.conditioning = second.conditioning
        self.run = run

    def repaint(self, slots: Tensor) -> None:
        """Put the part of the image to start from that its mask keeps into the latents that the next call gets."""
        if self.repainting is not None:
            latents = slots[LATENTS : LATENTS + 1]
            slots[LATENTS : LATENTS + 1] = self.repainting.blend(latents, self.run.steps, self.run.position + 1)

    @property
    def preview(self) -> Tensor:
        """[1, C, h, w], at the UNet's scale: the clean latents that the last call predicted, or the initial noise."""
        if self.repainting is None or not self.run.position:
            return self.run.preview
        return torch.where(self.repainting.mask, self.run.preview, self.repainting.clean)


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """Implements `interface.PendingAdvance`."""

    sampler_errors: Sequence[Exception | None]
    """For each image the error that its own sampler raised, or None."""
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
