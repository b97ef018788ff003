"""A cheap look at latents: a linear map from a latent's channels to a colour, without the autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor

from pipelines.interface import Raster

UPSCALE: Final = 4
"""Pixels of a preview to a latent, each way: half of the finished picture's side."""

_SAMPLES: Final = 48
_SIDE: Final = 8


class LinearPreview:
    """Colour = latent channels x matrix + bias, in 0 to 1."""

    def __init__(self, matrix: Tensor) -> None:
        """`matrix` [channels + 1, 3]; the last row is the bias."""
        self._matrix = matrix.to("cpu", torch.float32)

    def draw(self, latents: Tensor) -> Raster:
        """`latents` [1, channels, height, width], at the UNet's scale and without noise."""
        colours = latents[0].float().cpu().permute(1, 2, 0) @ self._matrix[:-1] + self._matrix[-1]
        pixels = colours.clamp(0, 1).mul(255).round().to(torch.uint8)
        pixels = pixels.repeat_interleave(UPSCALE, 0).repeat_interleave(UPSCALE, 1)
        height, width, _ = pixels.shape
        return Raster(width, height, pixels.numpy().tobytes())


def given(rows: Sequence[Sequence[float]]) -> LinearPreview:
    """The map that a model brings along: a row of red, green, blue for each channel, and one for the bias."""
    return LinearPreview(torch.tensor(rows))


def fit(decode: Callable[[Tensor], Tensor], channels: int) -> LinearPreview:
    """The least-squares map for an autoencoder, from flat and smooth latents that it decodes.

    `decode` takes latents [B, channels, h, w] at the UNet's scale and gives pictures [B, 3, H, W] in -1 to 1.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    flat = torch.randn(_SAMPLES // 2, channels, 1, 1, generator=generator).expand(-1, -1, _SIDE, _SIDE)
    coarse = torch.randn(_SAMPLES // 2, channels, 2, 2, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (_SIDE, _SIDE), mode="bilinear")
    latents = torch.cat([flat, smooth])
    decoded = decode(latents).float().cpu() * 0.5 + 0.5
    colours = torch.nn.functional.interpolate(decoded, (_SIDE, _SIDE), mode="area")
    inputs = latents.permute(0, 2, 3, 1).reshape(-1, channels)
    targets = colours.permute(0, 2, 3, 1).reshape(-1, 3)
    with_bias = torch.cat([inputs, torch.ones(len(inputs), 1)], 1)
    return LinearPreview(torch.linalg.lstsq(with_bias, targets).solution)
