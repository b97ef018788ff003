"""A cheap look at latents: a linear map from a latent's channels to a colour, without the autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from pipelines.interface import RgbImage

UPSCALE: Final = 4
"""Pixels of a preview to a latent, each way: half of the finished image's side."""

_SAMPLES: Final = 48
_SIDE: Final = 8
"""Latents to a side of a flat field."""


_STABLE_DIFFUSION_WIDTHS: Final = (128, 256, 512, 512)
"""Of the autoencoder's blocks, in Stable Diffusion 1.x, 2.x and XL."""
_PUBLISHED: Final = {
    # 1.x and 2.x, which share an autoencoder: discuss.huggingface.co/t/decoding-latents-to-rgb-without-upscaling/23204,
    # there for colours in -1 to 1.
    0.18215: (
        (0.149, 0.1035, 0.104),
        (0.0935, 0.143, 0.0865),
        (-0.079, 0.0945, 0.132),
        (-0.092, -0.1355, -0.2365),
        (0.5, 0.5, 0.5),
    ),
    # XL: huggingface.co/blog/TimothyAlexisVass/explaining-the-sdxl-latent-space, there for colours in 0 to 255.
    0.13025: tuple(
        tuple(value / 255 for value in row)
        for row in ((60, 60, 60), (-60, -5, 10), (25, 15, -5), (-70, -50, -35), (150, 140, 130))
    ),
}
"""Channels to red, green and blue, and the bias, by the scaling factor that tells the families apart."""


class LinearPreview:
    """Colour = latent channels x matrix + bias, in 0 to 1."""

    def __init__(self, matrix: Tensor) -> None:
        """`matrix` [channels + 1, 3]; the last row is the bias."""
        self._matrix = matrix.to("cpu", torch.float32)

    def draw(self, latents: Tensor) -> RgbImage:
        """`latents` [1, channels, height, width], at the UNet's scale and without noise."""
        colours = latents[0].float().cpu().permute(1, 2, 0) @ self._matrix[:-1] + self._matrix[-1]
        pixels = colours.clamp(0, 1).mul(255).round().to(torch.uint8)
        pixels = pixels.repeat_interleave(UPSCALE, 0).repeat_interleave(UPSCALE, 1)
        height, width, _ = pixels.shape
        return RgbImage(width, height, pixels.numpy().tobytes())


def given(rows: Sequence[Sequence[float]]) -> LinearPreview:
    """The map that a model brings along: a row of red, green, blue for each channel, and one for the bias."""
    return LinearPreview(torch.tensor(rows))


def known(vae_config: Any) -> LinearPreview | None:
    """The published map, if the autoencoder is Stable Diffusion's by its configuration."""
    is_stable_diffusion = (
        vae_config.latent_channels == 4 and tuple(vae_config.block_out_channels) == _STABLE_DIFFUSION_WIDTHS
    )
    rows = _PUBLISHED.get(vae_config.scaling_factor) if is_stable_diffusion else None
    return given(rows) if rows else None


def fit(decode: Callable[[Tensor], Tensor], channels: int) -> LinearPreview:
    """The least-squares map for an autoencoder, from flat fields of random latents that it decodes.

    `decode` takes latents [B, channels, h, w] at the UNet's scale and gives images [B, 3, H, W] in -1 to 1.
    Flat fields, since decoders take white noise for texture, and answer it with colours that no image has.
    """
    latents = torch.randn(_SAMPLES, channels, generator=torch.Generator("cpu").manual_seed(0))
    decoded = decode(latents[:, :, None, None].expand(-1, -1, _SIDE, _SIDE))
    colours = (decoded.float().cpu() * 0.5 + 0.5).clamp(0, 1).mean((2, 3))
    with_bias = torch.cat([latents, torch.ones(_SAMPLES, 1)], 1)
    return LinearPreview(torch.linalg.lstsq(with_bias, colours).solution)
