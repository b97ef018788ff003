"""The mathematics of the table of upscalers (`pipelines.upscalers`)."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 -- its usual name
from torch import Tensor

from pipelines.upscalers import Upscaler

_LOBES: Final = 3
"""Zeros of the Lanczos kernel on each side."""


def enlarge(images: Tensor, upscaler: Upscaler, height: int, width: int) -> Tensor:
    """Return latents or images [B, C, h, w] at another size, [B, C, height, width]. The images do not mix."""
    if upscaler.mode == "lanczos":
        return torch.cat([_lanczos(image, height, width) for image in torch.split(images, 1)])
    antialias = {"antialias": True} if upscaler.antialias else {}
    return F.interpolate(images, size=(height, width), mode=upscaler.mode, **antialias)


def _lanczos(image: Tensor, height: int, width: int) -> Tensor:
    """Resample one image [1, C, h, w] along both sides, as PIL's Lanczos filter does without rounding."""
    down = _weights(image.shape[2], height).to(image)
    across = _weights(image.shape[3], width).to(image)
    return down @ image @ across.T


def _weights(size: int, new_size: int) -> Tensor:
    """Return the weights of the pixels of one side, [new_size, size], whose rows sum to 1.

    Where the image becomes smaller, the kernel is as much wider.
    """
    ratio = size / new_size
    width = max(1.0, ratio)
    centers = (torch.arange(new_size, dtype=torch.float64) + 0.5) * ratio
    distances = (torch.arange(size, dtype=torch.float64) + 0.5 - centers[:, None]) / width
    weights = torch.where(distances.abs() < _LOBES, torch.sinc(distances) * torch.sinc(distances / _LOBES), 0)
    return weights / weights.sum(1, keepdim=True)
