"""Latent diffusion, split into the calls of `interface.Pipeline`: text, noise, sampler, guidance, pixels.

This module knows nothing of how a family is conditioned, of files (`pipelines.checkpoints.loader`), of how a network
runs on a batch (`pipelines.runtime`), of queues, or of which images should share a call.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines import previews, work_plan
from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion.conditioning import Conditioner, Conditioning
from pipelines.families.latent_diffusion.decode import Decoder, PendingLatentDecode
from pipelines.families.latent_diffusion.state import LatentState, PendingUpdate
from pipelines.interface import UPCAST, ModelInfo, RgbImage, TextKey, WorkPlan
from pipelines.params import GenerationParams
from pipelines.previews import LinearPreview
from pipelines.runtime.networks import Networks
from pipelines.sampling import samplers, stacked_update
from pipelines.sampling.guidance import guide
from pipelines.sampling.prepared_steps import PreparedSteps
from pipelines.sampling.sampler_run import SamplerRun
from pipelines.sampling.samplers import SamplerChoice
from pipelines.transfers import download, upload


@dataclass(frozen=True, slots=True)
class Components:
    """The components of one loaded model, ready to run."""

    conditioner: Conditioner
    networks: Networks
    scheduler_config: Mapping[str, Any]
    """The configuration of the folder's own scheduler, with all defaults filled in."""


class LatentDiffusion:
    """Implements `interface.Pipeline[Conditioning, LatentState, Tensor]`.

    A conditioning has one row. An output is [rows, C, h, w], float32: one row for each of the image's texts, in their
    order. Latents and the samplers' mathematics are float32. The result of a row may
    depend on the shape of its batch and on its index in it, but never on the other rows. In exact mode
    (`pipelines.runtime.batch_invariance`) it depends on neither.
    """

    def __init__(
        self,
        info: ModelInfo,
        components: Components,
        preview: LinearPreview | None = None,
        *,
        exact: bool = False,
    ) -> None:
        """If `preview` is None, a preview is fitted to the autoencoder. `exact` says that the networks run exactly."""
        self._info = info
        self._conditioner = components.conditioner
        self._networks = components.networks
        self._decoder = Decoder(self._networks, exact=exact)
        self._weak_upcast: Callable[[], Networks | None] = lambda: None
        self._steps = PreparedSteps(components.scheduler_config)
        self._noise_drawer = None if self._networks.device.type == "cpu" else ThreadPoolExecutor(1, "noise")
        self._channels = self._networks.unet.config.in_channels
        self._preview = preview or previews.fit(self._decode_soundly, self._channels)

    @property
    def info(self) -> ModelInfo:
        return self._info

    def plan(self, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
        with suppress(InvalidParamsError):  # `begin` raises it.
            self._steps.announce(self._check(params), params.steps)
        return work_plan.plan(self._info, params, upcast=upcast)

    def texts(self, params: GenerationParams) -> tuple[TextKey, ...]:
        return work_plan.texts(self._info, params)

    def encode(self, texts: Sequence[TextKey]) -> list[Conditioning]:
        return self._encode(self._networks, texts)

    def begin(self, params: GenerationParams, conditionings: Sequence[Conditioning]) -> LatentState:
        assert len(conditionings) == len(self.texts(params)), "an image takes one conditioning for each of its texts"
        return self._begin(params, self._check(params), self._networks, conditionings)

    def begin_upcast(self, params: GenerationParams) -> LatentState:
        choice = self._check(params)
        networks = self._upcast_networks()
        return self._begin(params, choice, networks, self._encode(networks, self.texts(params)), upcast=True)

    @torch.inference_mode()
    def predict(self, states: Sequence[LatentState]) -> list[Tensor]:
        networks = states[0].networks
        rows = [state.conditioning.rows for state in states]
        runs = [state.run for state, n in zip(states, rows, strict=True) for _ in range(n)]
        numbers = torch.tensor([[run.input_scale for run in runs], [run.timestep for run in runs]])
        scales, timesteps = upload(numbers, networks.device)
        sample = torch.cat([run.latents for run in runs]) * scales[:, None, None, None]
        conditioning = Conditioning.concatenate([state.conditioning for state in states])
        added = [conditioning.added[name] for name in networks.added_inputs]
        return list(torch.split(networks.denoise(sample, timesteps, conditioning.hidden, *added), rows))

    @torch.inference_mode()
    def advance(self, states: Sequence[LatentState], outputs: Sequence[Tensor]) -> PendingUpdate:
        runs = [state.run for state in states]
        scales = [state.params.guidance_scale for state in states]
        guided = guide(outputs, scales, [state.params.guidance_rescale for state in states])
        sums = download(guided.flatten(1).sum(1))
        results = stacked_update.next_slots(runs, guided)
        for run, result in zip(runs, results, strict=True):
            if isinstance(result, Tensor):
                run.commit(result)
        return PendingUpdate([result if isinstance(result, Exception) else None for result in results], sums)

    def start_decode(
        self, states: Sequence[LatentState], *, wide: bool = False, tiled: bool = False
    ) -> PendingLatentDecode:
        return self._decoder.start(states, wide=wide, tiled=tiled)

    def decode(self, states: Sequence[LatentState]) -> list[RgbImage]:
        return self.start_decode(states).finish()

    @torch.inference_mode()
    def preview(self, state: LatentState) -> RgbImage:
        return self._preview.draw(state.run.preview)

    @torch.inference_mode()
    def _encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        return self._conditioner.encode(networks, texts)

    @torch.inference_mode()
    def _begin(
        self,
        params: GenerationParams,
        choice: SamplerChoice,
        networks: Networks,
        conditionings: Sequence[Conditioning],
        *,
        upcast: bool = False,
    ) -> LatentState:
        height, width = params.height // networks.scale, params.width // networks.scale
        generator = torch.Generator("cpu").manual_seed(params.seed)
        noise = torch.randn(1, self._channels, height, width, generator=generator)
        steps = self._steps.get(choice, params.steps)
        run = SamplerRun(steps, noise, generator, networks.device, self._noise_drawer)
        return LatentState(
            params,
            first_call=work_plan.denoise_call(self._info, params, run.calls, phase=UPCAST if upcast else ""),
            networks=networks,
            conditioning=self._conditioner.condition(params, conditionings),
            run=run,
        )

    def _decode_soundly(self, latents: Tensor) -> Tensor:
        """Decode latents [B, C, h, w] to images [B, 3, H, W], in a wider dtype where the model's own overflows."""
        images = self._networks.decode(latents)
        return images if bool(images.isfinite().all()) else self._networks.decode(latents, wide=True)

    def _upcast_networks(self) -> Networks:
        """Return the networks in the next wider dtype. They are freed when the last upcast image is."""
        networks = self._weak_upcast()
        if networks is None:
            networks = self._networks.upcast()
            self._weak_upcast = weakref.ref(networks)
        return networks

    def _check(self, params: GenerationParams) -> SamplerChoice:
        """Find the sampler. Raises `InvalidParamsError` where this model cannot use the parameters."""
        choice = samplers.find(params.sampler, params.schedule)
        limits = self._info.limits
        max_steps = min(limits.max_steps, choice.sampler.max_steps or limits.max_steps)
        if not 1 <= params.steps <= max_steps:
            raise InvalidParamsError("steps", f"The sampler {choice.sampler.name} takes 1 to {max_steps} steps.")
        if not params.guidance_scale <= limits.max_guidance_scale:
            raise InvalidParamsError("guidance_scale", f"It must be at most {limits.max_guidance_scale:g}.")
        if not 0 <= params.guidance_rescale <= 1:
            raise InvalidParamsError("guidance_rescale", "It must be from 0 to 1.")
        for field, side in (("width", params.width), ("height", params.height)):
            if side % limits.side_multiple or not limits.min_side <= side <= limits.max_side:
                raise InvalidParamsError(
                    field,
                    f"It must be a multiple of {limits.side_multiple} from {limits.min_side} to {limits.max_side}.",
                )
        if params.width * params.height > limits.max_pixels:
            raise InvalidParamsError("width", f"An image may have at most {limits.max_pixels} pixels.")
        return choice
