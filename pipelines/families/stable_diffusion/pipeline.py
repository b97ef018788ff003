"""Stable Diffusion taken apart into the calls of `interface.Pipeline`: text, noise, sampler, guidance, pixels.

It knows nothing of files (`pipelines.checkpoints.loader`), of how a network is run on a batch
(`pipelines.runtime.networks`), of queues or of which images should share a call.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from pipelines import previews
from pipelines.errors import InvalidParamsError, NonFiniteError
from pipelines.families.stable_diffusion.decode import Decoder, LatentDecoding
from pipelines.families.stable_diffusion.state import LastPrediction, LatentState, Prediction
from pipelines.interface import UPCAST, BatchKey, ModelInfo, RgbImage
from pipelines.params import GenerationParams
from pipelines.previews import LinearPreview
from pipelines.runtime.networks import Networks
from pipelines.sampling import samplers
from pipelines.sampling.diffusers_schedulers import Schedulers
from pipelines.sampling.samplers import SamplerChoice


@dataclass(frozen=True, slots=True)
class Components:
    """The parts of a Stable Diffusion folder, ready to run."""

    tokenizer: Any
    """transformers.CLIPTokenizer"""
    networks: Networks
    scheduler_config: Mapping[str, Any]


class LatentDiffusion:
    """A Stable Diffusion model as an `interface.Pipeline[Tensor, LatentState, Prediction]`.

    A conditioning is [1, tokens, features] in the UNet's dtype. Latents and the samplers' mathematics are float32.
    What a row comes out as depends on the shape of its batch and its place in it, never on the other rows; in exact
    mode (`pipelines.runtime.batch_invariance`) on neither.
    """

    def __init__(
        self,
        info: ModelInfo,
        components: Components,
        preview: LinearPreview | None = None,
        *,
        decode_aside: bool = True,
    ) -> None:
        """Without a `preview` of the model's own, one is fitted to its autoencoder. `decode_aside`: see `Decoder`."""
        self._info = info
        self._tokenizer = components.tokenizer
        self._networks = components.networks
        self._decoder = Decoder(self._networks.device, aside=decode_aside)
        self._widened: Callable[[], Networks | None] = lambda: None
        self._schedulers = Schedulers(components.scheduler_config)
        self._channels = self._networks.unet.config.in_channels
        self._preview = preview or previews.fit(self._networks.decode, self._channels)

    @property
    def info(self) -> ModelInfo:
        return self._info

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end counted in; what goes beyond `info.prompt_tokens` is not read."""
        return len(self._tokenizer(text, verbose=False).input_ids)

    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        return self._encode(self._networks, texts)

    def begin(self, params: GenerationParams, conditionings: Sequence[Tensor]) -> LatentState:
        assert len(conditionings) == len(params.texts), "an image takes one conditioning for each of its texts"
        return self._begin(params, self._checked(params), self._networks, conditionings)

    def begin_upcast(self, params: GenerationParams) -> LatentState:
        choice = self._checked(params)
        networks = self._wider_networks()
        return self._begin(params, choice, networks, self._encode(networks, params.texts), phase=UPCAST)

    @torch.inference_mode()
    def predict(self, states: Sequence[LatentState]) -> list[Prediction]:
        inputs = [state.run.model_input(state.latents) for state in states]
        rows = [len(state.conditioning) for state in states]
        timesteps = [state.run.timestep for state, n in zip(states, rows, strict=True) for _ in range(n)]
        sample = torch.cat([model_input.expand(n, -1, -1, -1) for model_input, n in zip(inputs, rows, strict=True)])
        conditioning = torch.cat([state.conditioning for state in states])
        output = states[0].networks.denoise(sample, torch.tensor(timesteps), conditioning)
        # A row's sum is finite only if all of its numbers are; one look at the device for the whole batch.
        sums = iter(output.flatten(1).sum(1).tolist())
        return [
            Prediction(model_input, part, math.isfinite(sum(islice(sums, n))))
            for model_input, part, n in zip(inputs, torch.split(output, rows), rows, strict=True)
        ]

    @torch.inference_mode()
    def advance(self, state: LatentState, output: Prediction) -> None:
        if not output.finite:
            raise NonFiniteError((0,))
        if state.params.guided:
            negative, prompt = output.output.chunk(2)
            guided = negative + state.params.guidance_scale * (prompt - negative)
        else:
            # A clone, since a multistep history that kept a view would keep the whole batch.
            guided = output.output.clone()
        timestep = state.run.timestep
        state.latents = state.run.step(guided, state.latents, state.generator)
        state.last_prediction = LastPrediction(output.model_input, guided, timestep)

    def start_decode(self, states: Sequence[LatentState]) -> LatentDecoding:
        return self._decoder.start(states)

    def decode(self, states: Sequence[LatentState]) -> list[RgbImage]:
        return self.start_decode(states).finish()

    @torch.inference_mode()
    def preview(self, state: LatentState) -> RgbImage:
        if state.last_prediction is None:
            return self._preview.draw(state.run.model_input(state.latents))
        seen = state.last_prediction
        return self._preview.draw(state.run.predict_clean(seen.model_input, seen.output, seen.timestep))

    @torch.inference_mode()
    def _encode(self, networks: Networks, texts: Sequence[str]) -> list[Tensor]:
        tokens = self._tokenizer(
            list(texts),
            padding="max_length",
            max_length=self._info.prompt_tokens,
            truncation=True,
            return_tensors="pt",
        )
        conditioning = networks.encode(tokens.input_ids, tokens.attention_mask)
        # Clones, since a view that somebody keeps would keep the whole batch.
        return [row.clone() for row in torch.split(conditioning, 1)]

    @torch.inference_mode()
    def _begin(
        self,
        params: GenerationParams,
        choice: SamplerChoice,
        networks: Networks,
        conditionings: Sequence[Tensor],
        *,
        phase: str = "",
    ) -> LatentState:
        run = self._schedulers.start(choice, params.steps)
        height, width = params.height // networks.scale, params.width // networks.scale
        generator = torch.Generator("cpu").manual_seed(params.seed)
        noise = torch.randn(1, self._channels, height, width, generator=generator)
        return LatentState(
            params,
            key=BatchKey(self._info.name, height, width, conditionings[0].shape[1], phase),
            networks=networks,
            conditioning=torch.cat(list(conditionings)),
            run=run,
            generator=generator,
            latents=(noise * run.init_noise_sigma).to(networks.device),
        )

    def _wider_networks(self) -> Networks:
        """Made for the first image that needs them, and gone with the last one."""
        networks = self._widened()
        if networks is None:
            networks = self._networks.widened()
            self._widened = weakref.ref(networks)
        return networks

    def _checked(self, params: GenerationParams) -> SamplerChoice:
        """The sampler asked for. Raises `InvalidParamsError` where this model cannot honour the params."""
        choice = samplers.find(params.sampler, params.schedule)
        limits = self._info.limits
        max_steps = min(limits.max_steps, choice.sampler.max_steps or limits.max_steps)
        if not 1 <= params.steps <= max_steps:
            raise InvalidParamsError("steps", f"The sampler {choice.sampler.name} takes 1 to {max_steps} steps.")
        if not params.guidance_scale <= limits.max_guidance_scale:
            raise InvalidParamsError("guidance_scale", f"It must be at most {limits.max_guidance_scale:g}.")
        for field, side in (("width", params.width), ("height", params.height)):
            if side % limits.side_multiple or not limits.min_side <= side <= limits.max_side:
                raise InvalidParamsError(
                    field,
                    f"It must be a multiple of {limits.side_multiple} from {limits.min_side} to {limits.max_side}.",
                )
        if params.width * params.height > limits.max_pixels:
            raise InvalidParamsError("width", f"An image may have at most {limits.max_pixels} pixels.")
        return choice
