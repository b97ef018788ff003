"""The decoder of an autoencoder: in its own dtype or a wider one, at once or in parts that take less memory."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from pipelines.runtime.batching import Batching, Network
from pipelines.runtime.tiling import decode_in_tiles

WIDER: Final = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.float32: torch.float64}
"""The next wider dtype. Half precision is never widened to bfloat16, whose 8 bits show as bands in smooth areas."""


def widened(vae: Any, dtype: torch.dtype) -> Any:
    """Return a copy of the autoencoder in that dtype, without the parts that only encode."""
    left_out = {id(part): torch.nn.Identity() for part in (vae.encoder, vae.quant_conv) if part is not None}
    return copy.deepcopy(vae, left_out).to(dtype)


class LatentDecoder:
    """Decodes batches of latents. Makes its wider copy when it is first asked for, and keeps it."""

    def __init__(self, vae: Any, batching: Batching, *, max_pixels: int | None = None) -> None:
        """Take a diffusers.AutoencoderKL. `max_pixels` is the most pixels that it decodes at once; None is no limit."""
        self._vae = vae
        self._wide_vae: Any = None
        self._calls: dict[tuple[int, bool], Network] = {}
        self._batching = batching
        self._max_pixels = max_pixels
        # Diffusers searches all of a network's parameters each time.
        self._device: torch.device = vae.device
        self._dtype: torch.dtype = vae.dtype
        self._deviation, self._mean = _normalization(vae.config, self._device)
        self.always_wide = self._dtype is torch.float16 and _asks_for_float32(vae.config)
        """True if every decode uses the wider copy."""

    @property
    def scale(self) -> int:
        """Pixels per latent, in width and in height."""
        return int(2 ** (len(self._vae.config.block_out_channels) - 1))

    @torch.inference_mode()
    def decode(self, latents: Tensor, *, wide: bool = False, tiled: bool = False) -> Tensor:
        """Decode latents [B, C, h, w] at the UNet's scale to images [B, 3, H, W]. Values exceed -1 to 1 slightly.

        `wide` uses a copy of the decoder in the next wider dtype. A batch of more pixels than `max_pixels` is decoded
        in slices, and a larger image in tiles. `tiled` makes tiles of any image that is larger than one.
        """
        wide = wide or self.always_wide
        vae, dtype = (self._wide(), WIDER[self._dtype]) if wide else (self._vae, self._dtype)
        unscaled = latents.to(self._device) * self._deviation / self._vae.config.scaling_factor + self._mean
        return self._batching.run(self._call(vae, tiled), unscaled.to(dtype))

    def _call(self, vae: Any, tiled: bool) -> Network:
        """Return the same object each time, because a batching may keep recordings of it."""
        key = id(vae), tiled
        if key not in self._calls:
            self._calls[key] = partial(self._in_slices, vae, tiled)
        return self._calls[key]

    def _wide(self) -> Any:
        if self._wide_vae is None:
            self._wide_vae = widened(self._vae, WIDER[self._dtype])
        return self._wide_vae

    def _in_slices(self, vae: Any, tiled: bool, latents: Tensor) -> Tensor:
        pixels = latents.shape[2] * latents.shape[3] * self.scale**2
        most = self._max_pixels or pixels * len(latents)
        call = partial(_call, vae)
        if tiled or pixels > most:
            call = partial(decode_in_tiles, call, scale=self.scale)
        return torch.cat([call(part) for part in torch.split(latents, max(1, most // pixels))])


def _call(vae: Any, latents: Tensor) -> Tensor:
    images: Tensor = vae.decode(latents.contiguous(memory_format=torch.channels_last), return_dict=False)[0]
    return images


def _normalization(config: Any, device: torch.device) -> tuple[Tensor | float, Tensor | float]:
    """Return deviation and mean of the autoencoder's latents: [1, C, 1, 1] where its configuration has them.

    Others have at most a shift, which is the same for all channels.
    """
    if config.latents_mean is None or config.latents_std is None:
        return 1.0, config.shift_factor or 0.0
    deviation, mean = torch.tensor([config.latents_std, config.latents_mean], device=device)
    return deviation.view(1, -1, 1, 1), mean.view(1, -1, 1, 1)


def _asks_for_float32(config: Any) -> bool:
    """Read `force_upcast`, which diffusers takes for true where a configuration does not have it."""
    return bool(config.force_upcast) and "force_upcast" not in config.get("_use_default_values", ())
