"""CIELAB under D65 (IEC 61966-2-1, CIE 15), the space in which distances are about what an eye makes of them.

Once for bytes, which the reader counts with, and once for tensors, through which a loss can learn.
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
"""Linear RGB to X, Y, Z as shares of the white point's."""
_KNEE: Final = (6 / 29) ** 3
_SLOPE: Final = 1 / (3 * (6 / 29) ** 2)
_BLUNT: Final = 0.1
"""EventDiff well below this are even, so that the distance can be differentiated at zero."""


def to_lab(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """sRGB bytes [..., 3] to CIELAB."""
    xyz = _LINEAR[image] @ _TO_RELATIVE
    f = np.where(xyz > _KNEE, np.cbrt(xyz), xyz * _SLOPE + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def distance(one: Tensor, other: Tensor) -> Tensor:
    """CIE76 distance of two images [B, 3, H, W] in [-1, 1], pixel by pixel: [B, H, W]."""
    return ((_lab(one) - _lab(other)).square().sum(dim=-1) + _BLUNT**2).sqrt()


def _lab(pixels: Tensor) -> Tensor:
    """[B, H, W, 3]. What lies outside of [-1, 1] has no colour, and counts as the nearest that has."""
    codes = (pixels.permute(0, 2, 3, 1) * 0.5 + 0.5).clamp(0, 1)
    # Where one branch of a choice is not taken, its gradient must still be finite: hence the clamps.
    linear = torch.where(codes <= 0.04045, codes / 12.92, ((codes.clamp(min=0.04) + 0.055) / 1.055) ** 2.4)
    xyz = linear @ torch.from_numpy(_TO_RELATIVE).to(linear)
    f = torch.where(xyz > _KNEE, xyz.clamp(min=_KNEE / 2) ** (1 / 3), xyz * _SLOPE + 4 / 29)
    return torch.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], dim=-1)
