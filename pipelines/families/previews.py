"""Cheap previews: a linear map from the channels of a latent to a color, without the autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from pipelines.interface import RgbImage

UPSCALE: Final = 4
"""Pixels of a preview per latent, in width and in height. The finished image has twice as many."""

_SAMPLES: Final = 48
"""Random colors to which `fit` fits a map."""
_SIDE: Final = 8
"""Side in latents of the uniform field that is decoded for each color."""

_STABLE_DIFFUSION_WIDTHS: Final = (128, 256, 512, 512)
"""Channels of the autoencoder's blocks in Stable Diffusion 1.x, 2.x and XL."""
_PUBLISHED: Final = {
    # 1.x and 2.x, which share an autoencoder: discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204,
    # where colors range from -1 to 1.
    0.18215: (
        (0.149, 0.1035, 0.104),
        (0.0935, 0.143, 0.0865),
        (-0.079, 0.0945, 0.132),
        (-0.092, -0.1355, -0.2365),
        (0.5, 0.5, 0.5),
    ),
    # XL: huggingface.co/blog/TimothyAlexisVass/explaining-the-sdxl-latent-space, where colors range from 0 to 255.
    0.13025: tuple(
        tuple(value / 255 for value in row)
        for row in ((60, 60, 60), (-60, -5, 10), (25, 15, -5), (-70, -50, -35), (150, 140, 130))
    ),
}
"""Rows of red, green and blue for each channel, and the bias, by the scaling factor that distinguishes the families."""


class LinearPreview:
    """Computes colors in 0 to 1 as latent channels x matrix + bias."""

    def __init__(self, matrix: Tensor) -> None:
        """`matrix` [channels + 1, 3]; the last row is the bias."""
        self._matrix = matrix.to("cpu", torch.float32)

    def draw(self, latents: Tensor) -> RgbImage:
        """Draw `latents` [1, channels, height, width], which are at the UNet's scale and without noise."""
        colors = latents[0].float().cpu().permute(1, 2, 0) @ self._matrix[:-1] + self._matrix[-1]
        pixels = colors.clamp(0, 1).mul(255).round().to(torch.uint8)
        pixels = pixels.repeat_interleave(UPSCALE, 0).repeat_interleave(UPSCALE, 1)
        height, width, _ = pixels.shape
        return RgbImage(width, height, pixels.numpy().tobytes())


def from_rows(rows: Sequence[Sequence[float]]) -> LinearPreview:
    """Make the map from a row of red, green and blue for each channel, and last a row for the bias."""
    return LinearPreview(torch.tensor(rows))


def published(vae_config: Any) -> LinearPreview | None:
    """Return the published map if the configuration is that of Stable Diffusion's autoencoder, otherwise None."""
    is_stable_diffusion = (
        vae_config.latent_channels == 4 and tuple(vae_config.block_out_channels) == _STABLE_DIFFUSION_WIDTHS
    )
    rows = _PUBLISHED.get(vae_config.scaling_factor) if is_stable_diffusion else None
    return from_rows(rows) if rows else None


def fit(decode: Callable[[Tensor], Tensor], channels: int) -> LinearPreview:
    """Fit a map to an autoencoder by least squares, from uniform fields of random latents.

    `decode` takes latents [B, channels, h, w] at the UNet's scale and returns images [B, 3, H, W] in -1 to 1. The
    fields are uniform because decoders treat white noise as texture, and give it colors that no image has.
    """
    latents = torch.randn(_SAMPLES, channels, generator=torch.Generator("cpu").manual_seed(0))
    decoded = decode(latents[:, :, None, None].expand(-1, -1, _SIDE, _SIDE))
    colors = (decoded.float().cpu() * 0.5 + 0.5).clamp(0, 1).mean((2, 3))
    with_bias = torch.cat([latents, torch.ones(_SAMPLES, 1)], 1)
    return LinearPreview(torch.linalg.lstsq(with_bias, colors).solution)
