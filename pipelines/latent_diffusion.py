"""Stable Diffusion taken apart into the calls of `interface.Pipeline`: text encoder, UNet, sampler, autoencoder.

It knows nothing of files (`pipelines.loading`), of queues or of which pictures should share a call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from pipelines import previews, samplers
from pipelines.errors import InvalidParamsError, NonFiniteError
from pipelines.interface import Demand, Key, ModelInfo, Raster
from pipelines.params import GenerationParams
from pipelines.previews import LinearPreview
from pipelines.samplers import Choice
from pipelines.schedulers import SamplerRun, Schedulers


@dataclass(frozen=True, slots=True)
class Components:
    """The networks of a Stable Diffusion folder, on their device and ready to run."""

    tokenizer: Any
    """transformers.CLIPTokenizer"""
    text_encoder: Any
    """transformers.CLIPTextModel"""
    unet: Any
    """diffusers.UNet2DConditionModel"""
    vae: Any
    """diffusers.AutoencoderKL"""
    scheduler_config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one UNet call said of one picture."""

    model_input: Tensor
    """[1, C, h, w], float32: what the UNet was shown."""
    output: Tensor
    """[rows, C, h, w], float32: for the negative prompt, if guided, and for the prompt."""
    finite: bool


@dataclass(frozen=True, slots=True)
class _Glimpse:
    """What the last call saw, kept for a preview."""

    model_input: Tensor
    output: Tensor
    timestep: float


class LatentState:
    """One picture in the making. Nothing that a step writes to is shared with another."""

    def __init__(
        self,
        params: GenerationParams,
        *,
        key: Key,
        conditioning: Tensor,
        run: SamplerRun,
        generator: torch.Generator,
        latents: Tensor,
    ) -> None:
        self.params = params
        self.key = key
        self.conditioning = conditioning
        """[rows, tokens, features]: the negative prompt's, if guided, and the prompt's."""
        self.run = run
        self.generator = generator
        """On the CPU: the same noise on any device."""
        self.latents = latents
        """[1, C, h, w], float32, at the sampler's scale."""
        self.glimpse: _Glimpse | None = None

    @property
    def demand(self) -> Demand | None:
        calls_left = self.run.calls - self.run.position
        return Demand(self.key, len(self.conditioning), calls_left) if calls_left else None

    @property
    def step(self) -> int:
        return self.params.steps * self.run.position // self.run.calls


class LatentDiffusion:
    """A Stable Diffusion model as an `interface.Pipeline[Tensor, LatentState, Prediction]`.

    A conditioning is [1, tokens, features] in the UNet's dtype. Latents and the samplers' mathematics are float32.
    What a row comes out as depends on the shape of its batch, never on the other rows.
    """

    def __init__(self, info: ModelInfo, components: Components, preview: LinearPreview | None = None) -> None:
        """Without a `preview` of the model's own, one is fitted to its autoencoder."""
        self._info = info
        self._tokenizer = components.tokenizer
        self._text_encoder = components.text_encoder
        self._unet = components.unet
        self._vae = components.vae
        self._schedulers = Schedulers(components.scheduler_config)
        self._scale = 2 ** (len(self._vae.config.block_out_channels) - 1)
        self._preview = preview or previews.fit(self._to_pictures, self._unet.config.in_channels)

    @property
    def info(self) -> ModelInfo:
        return self._info

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, start and end counted in; what goes beyond `info.prompt_tokens` is not read."""
        return len(self._tokenizer(text, verbose=False).input_ids)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> list[Tensor]:
        tokens = self._tokenizer(
            list(texts),
            padding="max_length",
            max_length=self._info.prompt_tokens,
            truncation=True,
            return_tensors="pt",
        )
        masked = getattr(self._text_encoder.config, "use_attention_mask", False)
        hidden = self._text_encoder(
            tokens.input_ids.to(self._unet.device),
            attention_mask=tokens.attention_mask.to(self._unet.device) if masked else None,
        )[0].to(self._unet.dtype)
        # Clones, since a view that somebody keeps would keep the whole batch.
        return [row.clone() for row in hidden.split(1)]

    @torch.inference_mode()
    def begin(self, params: GenerationParams, prompt: Tensor, negative: Tensor) -> LatentState:
        run = self._schedulers.start(self._checked(params), params.steps)
        height, width = params.height // self._scale, params.width // self._scale
        generator = torch.Generator("cpu").manual_seed(params.seed)
        noise = torch.randn(1, self._unet.config.in_channels, height, width, generator=generator)
        return LatentState(
            params,
            key=Key(self._info.name, height, width, prompt.shape[1]),
            conditioning=torch.cat([negative, prompt]) if params.guided else prompt,
            run=run,
            generator=generator,
            latents=(noise * run.start_scale).to(self._unet.device),
        )

    @torch.inference_mode()
    def predict(self, states: Sequence[LatentState]) -> list[Prediction]:
        inputs = [state.run.model_input(state.latents) for state in states]
        rows = [len(state.conditioning) for state in states]
        timesteps = [state.run.timestep for state, n in zip(states, rows, strict=True) for _ in range(n)]
        sample = torch.cat([model_input.expand(n, -1, -1, -1) for model_input, n in zip(inputs, rows, strict=True)])
        output = self._unet(
            sample.to(self._unet.dtype).contiguous(memory_format=torch.channels_last),
            # float32 whatever the model's dtype: bfloat16 would turn 999 into 1000.
            torch.tensor(timesteps, device=self._unet.device),
            encoder_hidden_states=torch.cat([state.conditioning for state in states]),
            return_dict=False,
        )[0]
        output = output.float().contiguous()
        # A row's sum is finite only if all of its numbers are; one look at the device for the whole batch.
        sums = iter(output.flatten(1).sum(1).tolist())
        return [
            Prediction(model_input, part, math.isfinite(sum(islice(sums, n))))
            for model_input, part, n in zip(inputs, output.split(rows), rows, strict=True)
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
        state.glimpse = _Glimpse(output.model_input, guided, timestep)

    @torch.inference_mode()
    def decode(self, states: Sequence[LatentState]) -> list[Raster]:
        decoded = self._to_pictures(torch.cat([state.latents for state in states]))
        finite = decoded.isfinite().flatten(1).all(1).tolist()
        if not all(finite):
            raise NonFiniteError(tuple(position for position, good in enumerate(finite) if not good))
        # To the bit what diffusers' VaeImageProcessor does, whose rounding is half to even too.
        shares = (decoded * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float()
        pixels = shares.mul(255).round().to(torch.uint8).cpu().numpy()
        return [Raster(picture.shape[1], picture.shape[0], picture.tobytes()) for picture in pixels]

    @torch.inference_mode()
    def preview(self, state: LatentState) -> Raster:
        if state.glimpse is None:
            return self._preview.draw(state.run.model_input(state.latents))
        seen = state.glimpse
        return self._preview.draw(state.run.clean(seen.model_input, seen.output, seen.timestep))

    @torch.inference_mode()
    def _to_pictures(self, latents: Tensor) -> Tensor:
        """[B, C, h, w] at the UNet's scale to [B, 3, H, W] in -1 to 1 (and a little beyond), in the VAE's dtype."""
        unscaled = latents / self._vae.config.scaling_factor + (self._vae.config.shift_factor or 0)
        unscaled = unscaled.to(self._vae.device, self._vae.dtype).contiguous(memory_format=torch.channels_last)
        pictures: Tensor = self._vae.decode(unscaled, return_dict=False)[0]
        return pictures

    def _checked(self, params: GenerationParams) -> Choice:
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
            raise InvalidParamsError("width", f"A picture may have at most {limits.max_pixels} pixels.")
        return choice
