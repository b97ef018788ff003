"""The networks of a Stable Diffusion model, each called on a batch of any size.

It knows their shapes, dtypes and memory formats; what their numbers mean to an image is `latent_diffusion`'s to know.
"""

from __future__ import annotations

import copy
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from pipelines.runtime.batching import BatchingByNetwork

_WIDER: Final = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.float32: torch.float64}


class Denoiser(Protocol):
    """A UNet, or what stands for it."""

    def __call__(
        self, sample: Tensor, timestep: Tensor, *, encoder_hidden_states: Tensor, return_dict: bool
    ) -> tuple[Tensor, ...]: ...


class Networks:
    """Text encoder, UNet and autoencoder in one dtype, on one device."""

    def __init__(
        self,
        *,
        text_encoder: Any,
        unet: Any,
        vae: Any,
        batchings: BatchingByNetwork | None = None,
        denoiser: Denoiser | None = None,
    ) -> None:
        """A transformers.CLIPTextModel, diffusers.UNet2DConditionModel and diffusers.AutoencoderKL.

        `denoiser` is called in place of the UNet.
        """
        self.text_encoder = text_encoder
        self.unet = unet
        self.vae = vae
        self._batchings = batchings or BatchingByNetwork()
        self.denoiser: Denoiser = denoiser or unet
        # Diffusers looks through all of a network's parameters at every asking: 3 ms, in each call.
        self.device: torch.device = unet.device
        self.dtype: torch.dtype = unet.dtype

    @property
    def scale(self) -> int:
        """Pixels to a latent, each way."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @torch.inference_mode()
    def encode(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token ids and attention mask, [B, tokens], to conditioning, [B, tokens, features]."""
        return self._batchings.texts.run(self._call_text_encoder, tokens.to(self.device), mask.to(self.device))

    @torch.inference_mode()
    def denoise(self, sample: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        """`sample` [rows, C, h, w], `timesteps` [rows], `conditioning` [rows, tokens, features] to what the UNet says,
        [rows, C, h, w] in float32.

        Timesteps stay float32 whatever the model's dtype: bfloat16 would turn 999 into 1000.
        """
        sample, timesteps = sample.to(self.device, self.dtype), timesteps.to(self.device, torch.float32)
        output = self._batchings.rows.run(self._call_unet, sample, timesteps, conditioning)
        return output.float().contiguous()

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """[B, C, h, w] at the UNet's scale to [B, 3, H, W] in -1 to 1 (and a little beyond), in the VAE's dtype."""
        unscaled = latents / self.vae.config.scaling_factor + (self.vae.config.shift_factor or 0)
        return self._batchings.images.run(self._call_vae, unscaled.to(self.device, self.vae.dtype))

    def widened(self) -> Networks:
        """A copy in the next wider dtype, run as it is written; float64 is the widest."""
        text_encoder, unet, vae = (
            copy.deepcopy(network).to(_WIDER[self.dtype]) for network in (self.text_encoder, self.unet, self.vae)
        )
        return Networks(text_encoder=text_encoder, unet=unet, vae=vae, batchings=self._batchings)

    def _call_text_encoder(self, tokens: Tensor, mask: Tensor) -> Tensor:
        masked = getattr(self.text_encoder.config, "use_attention_mask", False)
        hidden: Tensor = self.text_encoder(tokens, attention_mask=mask if masked else None)[0]
        return hidden.to(self.dtype)

    def _call_unet(self, sample: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        sample = sample.contiguous(memory_format=torch.channels_last)
        return self.denoiser(sample, timesteps, encoder_hidden_states=conditioning, return_dict=False)[0]

    def _call_vae(self, latents: Tensor) -> Tensor:
        images: Tensor = self.vae.decode(latents.contiguous(memory_format=torch.channels_last), return_dict=False)[0]
        return images
