"""CIELAB under D65 (IEC 61966-2-1, CIE 15), a color space whose distances approximate perceived differences.

`to_lab` converts 8-bit images, for the grader; `distance` is differentiable, for the decoder's loss.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_CODES = np.arange(256) / 255
_LINEAR: Final[NDArray[np.float64]] = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)
_TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_TO_RELATIVE: Final[NDArray[np.float64]] = _TO_XYZ.T / _TO_XYZ.sum(axis=1)
"""Maps linear RGB to X, Y, Z relative to the white point."""
_KNEE: Final = (6 / 29) ** 3
_SLOPE: Final = 1 / (3 * (6 / 29) ** 2)
_SMOOTHING: Final = 0.1
"""Added in quadrature to the distance, which makes it differentiable at zero. Distances well below it hardly differ."""


def to_lab(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Converts 8-bit sRGB [..., 3] to CIELAB [..., 3]."""
    xyz = _LINEAR[image] @ _TO_RELATIVE
    f = np.where(xyz > _KNEE, np.cbrt(xyz), xyz * _SLOPE + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Returns the CIE76 distance of each pixel, [B, H, W], between images [B, 3, H, W] in [-1, 1]."""
    return ((_lab(one) - _lab(other)).square().sum(dim=-1) + _SMOOTHING**2).sqrt()


def _lab(pixels: Tensor) -> Tensor:
    """Converts images [B, 3, H, W] to CIELAB [B, H, W, 3]. Values are clamped to [-1, 1]."""
    codes = (pixels.permute(0, 2, 3, 1) * 0.5 + 0.5).clamp(0, 1)
    # `where` differentiates both branches, so the clamps keep the gradient of the one not taken finite.
    linear = torch.where(codes <= 0.04045, codes / 12.92, ((codes.clamp(min=0.04) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ torch.from_numpy(_TO_RELATIVE).to(linear)
    f = torch.where(xyz > _KNEE, xyz.clamp(min=_KNEE / 2) ** (1 / 3), xyz * _SLOPE + 4 / 29)
    return torch.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], dim=-1)
