"""The networks of a Stable Diffusion model, each called on a batch of any size.

This module knows shapes, dtypes and memory formats. The pipeline of the family knows what an image does with them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from pipelines.runtime import latent_decoder
from pipelines.runtime.batching import BatchingByNetwork
from pipelines.runtime.latent_decoder import ENCODING_PARTS, LatentDecoder
from pipelines.runtime.latent_encoder import LatentEncoder

_MASK: Final = "encoder_attention_mask"
_ADDED_CONDITIONS: Final = ("text_embeds", "time_ids")
"""Inputs that a UNet takes in a dictionary, `added_cond_kwargs`. It takes others by their own name."""


class Denoiser(Protocol):
    """A UNet, or a compiled one in its place."""

    def __call__(
        self, sample: Tensor, timestep: Tensor, *, encoder_hidden_states: Tensor, return_dict: bool, **added: Any
    ) -> tuple[Tensor, ...]: ...


class Networks:
    """Text encoder, UNet and autoencoder in one dtype, on one device."""

    def __init__(
        self,
        *,
        text_encoder: Any,
        unet: Any,
        vae: Any,
        batching: BatchingByNetwork | None = None,
        denoiser: Denoiser | None = None,
        max_decode_pixels: int | None = None,
        added_inputs: Mapping[str, int] | None = None,
    ) -> None:
        """Take a transformers.CLIPTextModel, a diffusers.UNet2DConditionModel and a diffusers.AutoencoderKL.

        A family with several text encoders gives a network that holds them all (`encode`). `denoiser` is called in
        place of the UNet. `added_inputs` names what `denoise` takes besides, in that order, and how many numbers each
        has in a row. `max_decode_pixels` is the most pixels that are decoded or encoded at once; None is no limit.
        """
        self.text_encoder = text_encoder
        self.unet = unet
        self.vae = vae
        self.batching = batching or BatchingByNetwork()
        self._max_decode_pixels = max_decode_pixels
        self.decoder = LatentDecoder(vae, self.batching.images, max_pixels=max_decode_pixels)
        self.encoder = LatentEncoder(vae, self.batching.inputs, max_pixels=max_decode_pixels)
        self.denoiser: Denoiser = denoiser or unet
        self.added_inputs = dict(added_inputs or {})
        # Diffusers searches all of a network's parameters each time: 3 ms in every call.
        self.device: torch.device = unet.device
        self.dtype: torch.dtype = unet.dtype

    @property
    def scale(self) -> int:
        """Pixels per latent, in width and in height."""
        return self.decoder.scale

    @torch.inference_mode()
    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Encode token ids and their attention mask, [B, tokens] each, as conditioning [B, tokens, features].

        Where one network holds several text encoders, ids and mask may be [B, encoders, tokens], and a row of the
        result has the form that this network gives it.
        """
        return self.batching.texts.run(self._call_text_encoder, tokens.to(self.device), mask.to(self.device))

    @torch.inference_mode()
    def denoise(
        self, sample: Tensor, timesteps: Tensor, conditioning: Tensor, *added: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Evaluate the UNet once. Returns [rows, C, h, w] in float32.

        `sample` is [rows, C, h, w], `timesteps` [rows], `conditioning` [rows, tokens, features], and `added` holds
        [rows, numbers] for each of `added_inputs`. `mask` is [rows, tokens], 1 for a token and 0 for padding; without
        one there is no padding. Timesteps stay float32 whatever the model's dtype: bfloat16 would turn 999 into 1000.
        """
        sample, timesteps = sample.to(self.device, self.dtype), timesteps.to(self.device, torch.float32)
        masks = () if mask is None else (mask,)
        output = self.batching.rows.run(self._call_unet, sample, timesteps, conditioning, *added, *masks)
        return output.float().contiguous()

    def decode(self, latents: Tensor, *, wide: bool = False, tiled: bool = False) -> Tensor:
        """Decode latents [B, C, h, w] at the UNet's scale to images [B, 3, H, W], as `LatentDecoder.decode` does."""
        return self.decoder.decode(latents, wide=wide, tiled=tiled)

    def upcast(self) -> Networks:
        """Return an uncompiled copy in the next wider dtype: float32 for half precision, float64 for float32.

        It encodes no images: `LatentEncoder` widens by itself where it has to.
        """
        dtype = latent_decoder.WIDER[self.dtype]
        return Networks(
            text_encoder=copy.deepcopy(self.text_encoder).to(dtype),
            unet=copy.deepcopy(self.unet).to(dtype),
            vae=latent_decoder.widened(self.vae, dtype, without=ENCODING_PARTS),
            batching=self.batching,
            max_decode_pixels=self._max_decode_pixels,
            added_inputs=self.added_inputs,
        )

    def _call_text_encoder(self, tokens: Tensor, mask: Tensor) -> Tensor:
        use_mask = getattr(self.text_encoder.config, "use_attention_mask", False)
        hidden: Tensor = self.text_encoder(tokens, attention_mask=mask if use_mask else None)[0]
        return hidden.to(self.dtype)

    def _call_unet(self, sample: Tensor, timesteps: Tensor, conditioning: Tensor, *added: Tensor) -> Tensor:
        sample = sample.contiguous(memory_format=torch.channels_last)
        names = (*self.added_inputs, _MASK)[: len(added)]
        named: dict[str, Any] = dict(zip(names, added, strict=True))
        conditions = {name: named.pop(name) for name in _ADDED_CONDITIONS if name in named}
        if conditions:
            named["added_cond_kwargs"] = conditions
        return self.denoiser(sample, timesteps, encoder_hidden_states=conditioning, return_dict=False, **named)[0]
