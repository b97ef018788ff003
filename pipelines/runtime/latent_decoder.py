"""The decoder of an autoencoder: in its own dtype or a wider one, at once or in parts that take less memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from pipelines.runtime.batching import Batching, Network
from pipelines.runtime.tiling import decode_in_tiles

WIDER: Final = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.float32: torch.float64}
"""The next wider dtype. Half precision is never widened to bfloat16, whose 8 bits show as bands in smooth areas."""


ENCODING_PARTS: Final = ("encoder", "quant_conv")
DECODING_PARTS: Final = ("decoder", "post_quant_conv")


def widened(vae: Any, dtype: torch.dtype, *, without: Sequence[str] = ()) -> Any:
    """Return a copy of the autoencoder in that dtype, without the parts of these names."""
    parts = [getattr(vae, name) for name in without]
    left_out = {id(part): torch.nn.Identity() for part in parts if part is not None}
    return copy.deepcopy(vae, left_out).to(dtype)


class AutoencoderHalf:
    """One half of an autoencoder, called on batches. Makes its wider copy when it is first asked for, and keeps it."""

    def __init__(
        self,
        vae: Any,
        batching: Batching,
        *,
        call: Callable[[Any, Tensor], Tensor],
        in_tiles: Callable[[Network, Tensor], Tensor],
        cell: int,
        other_half: Sequence[str],
        max_pixels: int | None,
    ) -> None:
        """Take a diffusers.AutoencoderKL, and how to call this half of it on a batch.

        `cell` is the side in pixels of one number of the input. `other_half` names the parts that this half does not
        use. `max_pixels` is the most pixels that are computed at once; None is no limit.
        """
        self._vae = vae
        self._wide_vae: Any = None
        self._network = call
        self._in_tiles = in_tiles
        self._cell = cell
        self._other_half = other_half
        self._calls: dict[tuple[int, bool], Network] = {}
        self._batching = batching
        self._max_pixels = max_pixels
        # Diffusers searches all of a network's parameters each time.
        self.device: torch.device = vae.device
        self._dtype: torch.dtype = vae.dtype
        self.always_wide = self._dtype is torch.float16 and _asks_for_float32(vae.config)
        """True if every call uses the wider copy."""

    def run(self, inputs: Tensor, *, wide: bool, tiled: bool) -> Tensor:
        """Call this half on a batch [B, C, height, width], in the next wider dtype where `wide` says so.

        A batch of more pixels than `max_pixels` is computed in slices, and a larger image in tiles. `tiled` makes tiles
        of any image that is larger than one, and computes one image after another.
        """
        wide = wide or self.always_wide
        vae, dtype = (self.wide(), WIDER[self._dtype]) if wide else (self._vae, self._dtype)
        return self._batching.run(self._call(vae, tiled), inputs.to(self.device, dtype))

    def wide(self) -> Any:
        """Return the copy of the autoencoder in the next wider dtype, without its other half."""
        if self._wide_vae is None:
            self._wide_vae = widened(self._vae, WIDER[self._dtype], without=self._other_half)
        return self._wide_vae

    def _call(self, vae: Any, tiled: bool) -> Network:
        """Return the same object each time, because a batching may keep recordings of it."""
        key = id(vae), tiled
        if key not in self._calls:
            self._calls[key] = partial(self._in_slices, vae, tiled)
        return self._calls[key]

    def _in_slices(self, vae: Any, tiled: bool, inputs: Tensor) -> Tensor:
        pixels = inputs.shape[2] * inputs.shape[3] * self._cell**2
        most = self._max_pixels or pixels * len(inputs)
        call: Network = partial(self._network, vae)
        if tiled or pixels > most:
            call = partial(self._in_tiles, call)
        images = 1 if tiled else max(1, most // pixels)
        return torch.cat([call(part) for part in torch.split(inputs, images)])


class LatentDecoder:
    """Decodes batches of latents."""

    def __init__(self, vae: Any, batching: Batching, *, max_pixels: int | None = None) -> None:
        """Take a diffusers.AutoencoderKL. `max_pixels` is the most pixels that it decodes at once; None is no limit."""
        self.scale = pixels_per_latent(vae)
        """Pixels per latent, in width and in height."""
        self._scaling_factor = vae.config.scaling_factor
        self._half = AutoencoderHalf(
            vae,
            batching,
            call=_call,
            in_tiles=partial(decode_in_tiles, scale=self.scale),
            cell=self.scale,
            other_half=ENCODING_PARTS,
            max_pixels=max_pixels,
        )
        self._deviation, self._mean = normalization(vae.config, self._half.device)

    @property
    def always_wide(self) -> bool:
        """True if every decode uses the wider copy."""
        return self._half.always_wide

    @always_wide.setter
    def always_wide(self, always_wide: bool) -> None:
        self._half.always_wide = always_wide

    @torch.inference_mode()
    def decode(self, latents: Tensor, *, wide: bool = False, tiled: bool = False) -> Tensor:
        """Decode latents [B, C, h, w] at the UNet's scale to images [B, 3, H, W]. Values exceed -1 to 1 slightly.

        `wide` and `tiled` are those of `AutoencoderHalf.run`.
        """
        unscaled = latents.to(self._half.device) * self._deviation / self._scaling_factor + self._mean
        return self._half.run(unscaled, wide=wide, tiled=tiled)


def pixels_per_latent(vae: Any) -> int:
    """Return the pixels per latent of an autoencoder, in width and in height."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def normalization(config: Any, device: torch.device) -> tuple[Tensor | float, Tensor | float]:
    """Return deviation and mean of the autoencoder's latents: [1, C, 1, 1] where its configuration has them.

    Others have at most a shift, which is the same for all channels.
    """
    if config.latents_mean is None or config.latents_std is None:
        return 1.0, config.shift_factor or 0.0
    deviation, mean = torch.tensor([config.latents_std, config.latents_mean], device=device)
    return deviation.view(1, -1, 1, 1), mean.view(1, -1, 1, 1)


def _call(vae: Any, latents: Tensor) -> Tensor:
    images: Tensor = vae.decode(latents.contiguous(memory_format=torch.channels_last), return_dict=False)[0]
    return images


def _asks_for_float32(config: Any) -> bool:
    """Read `force_upcast`, which diffusers takes for true where a configuration does not have it."""
    return bool(config.force_upcast) and "force_upcast" not in config.get("_use_default_values", ())
