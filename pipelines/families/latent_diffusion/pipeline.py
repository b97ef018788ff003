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

from pipelines import input_checks, previews, work_plan
from pipelines.errors import InvalidParamsError
from pipelines.families.latent_diffusion import snapshots
from pipelines.families.latent_diffusion.conditioning import Conditioner, Conditioning
from pipelines.families.latent_diffusion.decode import Decoder, PendingLatentDecode
from pipelines.families.latent_diffusion.snapshots import LatentSnapshot, PendingLatentSnapshot
from pipelines.families.latent_diffusion.starts import handover, inputs
from pipelines.families.latent_diffusion.starts.handover import HandedOver
from pipelines.families.latent_diffusion.starts.inputs import EncodedImage
from pipelines.families.latent_diffusion.starts.passes import Passes, undrawn_on_error
from pipelines.families.latent_diffusion.state import LatentState, PendingUpdate
from pipelines.interface import EncodedInput, InputPixels, RgbImage, TextKey, WorkPlan
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from pipelines.previews import LinearPreview
from pipelines.runtime.networks import Networks
from pipelines.sampling import choice, stacked_update
from pipelines.sampling.guidance import guide
from pipelines.sampling.linear_steps import LATENTS
from pipelines.sampling.prepared_steps import PreparedSteps
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
    (`pipelines.runtime.batch_invariance`) it depends on neither, and nothing is computed in tiles because memory ran
    out: whether it does may depend on the others.
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
        self._exact = exact
        self._weak_upcast: Callable[[], Networks | None] = lambda: None
        self._steps = PreparedSteps(components.scheduler_config)
        self._noise_drawer = None if self._networks.device.type == "cpu" else ThreadPoolExecutor(1, "noise")
        self._passes = Passes(info, self._steps, self._conditioner, self._noise_drawer)
        self._preview = preview or previews.fit(self._decode_soundly, info.latent_channels)

    @property
    def info(self) -> ModelInfo:
        return self._info

    def plan(self, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
        with suppress(InvalidParamsError):  # `begin` raises it.
            self._passes.announce(params, self._check(params))
        return work_plan.plan(self._info, params, upcast=upcast)

    def texts(self, params: GenerationParams) -> tuple[TextKey, ...]:
        return work_plan.texts(self._info, params)

    def encode(self, texts: Sequence[TextKey]) -> list[Conditioning]:
        return self._encode(self._networks, texts)

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[EncodedInput]:
        return inputs.encode(
            self._networks.encoder,
            pixels,
            scale=self._networks.scale,
            reads_kept=self._info.reads_kept,
            tiled=tiled and not self._exact,
        )

    def begin(
        self, params: GenerationParams, conditionings: Sequence[Conditioning], encoded: EncodedInput | None = None
    ) -> LatentState:
        assert len(conditionings) == len(self.texts(params)), "an image takes one conditioning for each of its texts"
        return self._begin(params, self._check(params), self._networks, conditionings, encoded)

    def begin_upcast(self, params: GenerationParams, encoded: EncodedInput | None = None) -> LatentState:
        sampler_choice = self._check(params)
        networks = self._upcast_networks()
        conditionings = self._encode(networks, self.texts(params))
        return self._begin(params, sampler_choice, networks, conditionings, encoded, upcast=True)

    def snapshot(self, state: LatentState) -> PendingLatentSnapshot | None:
        return snapshots.take(state) if state.networks is self._networks else None

    @torch.inference_mode()
    def resume(
        self,
        params: GenerationParams,
        conditionings: Sequence[Conditioning],
        encoded: EncodedInput | None,
        snapshot: bytes,
    ) -> LatentState:
        taken = LatentSnapshot.read(snapshot)
        state = self.begin(params, conditionings, taken.handed_over if params.taken_over_at else encoded)
        if taken.begins_second(state):
            state.begin_second(self._passes.second(state, taken.latents))
        taken.put_into(state.run, self._networks.device)
        return state

    @torch.inference_mode()
    def predict(self, states: Sequence[LatentState]) -> list[Tensor]:
        networks = states[0].networks
        rows = [state.conditioning.rows for state in states]
        runs = [state.run for state, n in zip(states, rows, strict=True) for _ in range(n)]
        numbers = torch.tensor([[run.input_scale for run in runs], [run.timestep for run in runs]])
        scales, timesteps = upload(numbers, networks.device)
        sample = torch.cat([run.latents for run in runs]) * scales[:, None, None, None]
        beside = [(state.concatenated, n) for state, n in zip(states, rows, strict=True)]
        read = [each.expand(n, -1, -1, -1) for each, n in beside if each is not None]
        if read:  # The UNet of this model reads something beside the latents, for each of its rows.
            sample = torch.cat([sample, torch.cat(read)], 1)
        conditioning = Conditioning.concatenate([state.conditioning for state in states])
        added = [conditioning.added[name] for name in networks.added_inputs]
        output = networks.denoise(sample, timesteps, conditioning.hidden, *added, mask=conditioning.mask)
        return list(torch.split(output, rows))

    @torch.inference_mode()
    def advance(self, states: Sequence[LatentState], outputs: Sequence[Tensor]) -> PendingUpdate:
        runs = [state.run for state in states]
        scales = [state.params.guidance_scale for state in states]
        rescales = [state.params.guidance_rescale for state in states]
        image_scales = [state.params.image_guidance_scale for state in states] if self._info.reads_image else None
        guided = guide(outputs, scales, rescales, image_scales)
        sums = download(guided.flatten(1).sum(1))
        results = stacked_update.next_slots(runs, guided)
        self._commit({state: each for state, each in zip(states, results, strict=True) if isinstance(each, Tensor)})
        return PendingUpdate([result if isinstance(result, Exception) else None for result in results], sums)

    def _commit(self, slots: Mapping[LatentState, Tensor]) -> None:
        """Move images on to their next calls with these slots of their runs."""
        for state, own in slots.items():
            state.repaint(own)
            state.run.draw_due()
        ending = [state for state in slots if state.goes_on_at_once]
        with undrawn_on_error(ending):
            second = {state: self._passes.after_first(state, slots[state][LATENTS : LATENTS + 1]) for state in ending}
        for state, own in slots.items():
            if state in second:
                state.begin_second(second[state])
            else:
                state.run.commit(own)

    def hand_over(self, state: LatentState) -> HandedOver:
        return handover.hand_over(state)

    @torch.inference_mode()
    def upscale(self, states: Sequence[LatentState], *, tiled: bool = False) -> None:
        tiled = tiled and not self._exact
        with undrawn_on_error(states):
            runs = self._passes.upscale(states, self._decoder, self._networks.encoder, tiled=tiled)
        for state, run in zip(states, runs, strict=True):
            state.begin_second(run)

    def start_decode(
        self, states: Sequence[LatentState], *, wide: bool = False, tiled: bool = False
    ) -> PendingLatentDecode:
        return self._decoder.start(states, wide=wide, tiled=tiled)

    def decode(self, states: Sequence[LatentState]) -> list[RgbImage]:
        return self.start_decode(states).finish()

    @torch.inference_mode()
    def preview(self, state: LatentState) -> RgbImage:
        return self._preview.draw(state.preview)

    @torch.inference_mode()
    def _encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        return self._conditioner.encode(networks, texts)

    @torch.inference_mode()
    def _begin(
        self,
        params: GenerationParams,
        sampler_choice: SamplerChoice,
        networks: Networks,
        conditionings: Sequence[Conditioning],
        encoded: EncodedInput | None,
        *,
        upcast: bool = False,
    ) -> LatentState:
        assert encoded is None or isinstance(encoded, EncodedImage | HandedOver), "inputs come from such a pipeline"
        assert isinstance(encoded, EncodedImage) == (params.image is not None), "an image to start from is encoded"
        assert isinstance(encoded, HandedOver) == (params.taken_over_at > 0), "a refiner begins with another's latents"
        return self._passes.begin(params, sampler_choice, networks, conditionings, encoded, upcast=upcast)

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
        limits = self._info.limits
        if params.steps > limits.max_steps:
            raise InvalidParamsError("steps", f"Must be at most {limits.max_steps} for this model.")
        sampler_choice = choice.choose(self._info.samplers, params.sampler, params.schedule, params.steps)
        if not params.guidance_scale <= limits.max_guidance_scale:
            raise InvalidParamsError("guidance_scale", f"It must be at most {limits.max_guidance_scale:g}.")
        if not 1 <= params.image_guidance_scale <= limits.max_guidance_scale:
            raise InvalidParamsError("image_guidance_scale", f"It must be from 1 to {limits.max_guidance_scale:g}.")
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
        input_checks.check(self._info, params)
        return sampler_choice
