"""An auxiliary loss for the UNet: a linear probe that predicts shape and color in each cell. It is not published.

The squared error of an image says little about its contents: a diamond instead of a square changes a few pixels. So a
probe on features of the UNet's upsampling path classifies which shape and which color each cell shows, and the features
learn to encode this from the noise and the caption. arXiv:2410.06940 aligns representations in this way with those of a
pretrained encoder; here the target is the scene itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from pipelines.training.scenes import domain
from pipelines.training.scenes.drawing import coverage
from pipelines.training.scenes.scene import Scene

CELL: Final = 8
"""Side of a cell in pixels; one latent covers one cell."""
_SHAPES: Final = ("none", *domain.SHAPES)
_COLORS: Final = (*domain.COLORS, *(f"{name} background" for name in domain.BACKGROUNDS))
_PROBED_BLOCK: Final = -2
"""Index of the up block that is probed: the last but one, whose output has the latents' height and width."""


def cell_classes(scene: Scene) -> Tensor:
    """Returns the class indices of shape and color of each cell, int64 [2, height / 8, width / 8]."""
    rows, columns = scene.height // CELL, scene.width // CELL
    shapes = np.full((rows, columns), _SHAPES.index("none"))
    colors = np.full((rows, columns), _COLORS.index(f"{scene.background} background"))
    for item in scene.objects:
        scaled = replace(item, x=item.x / CELL, y=item.y / CELL, radius=item.radius / CELL)
        covered = coverage(scaled, 0, 0, columns, rows) >= 0.5
        shapes[covered] = _SHAPES.index(item.shape)
        colors[covered] = _COLORS.index(item.color)
    return torch.from_numpy(np.stack([shapes, colors]))


class LayoutProbe(nn.Module):
    """Classifies each cell's shape and color from the features of the UNet's last forward pass."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        channels = unet.config.block_out_channels
        self.classifier = nn.Conv2d(channels[1], len(_SHAPES) + len(_COLORS), 1)
        self._features: Tensor | None = None
        unet.up_blocks[_PROBED_BLOCK].register_forward_hook(self._store_features)

    def _store_features(self, _block: nn.Module, _inputs: object, features: Tensor) -> None:
        self._features = features

    def loss(self, cells: Tensor) -> Tensor:
        """Returns the mean cross-entropy of shapes plus that of colors.

        `cells` are the `cell_classes` [B, 2, h, w] of the images of the UNet's last forward pass.
        Raises `RuntimeError` where there was no forward pass since the last call.
        """
        if self._features is None:
            raise RuntimeError("no forward pass of the UNet since the last loss")
        shapes, colors = self.classifier(self._features).split((len(_SHAPES), len(_COLORS)), dim=1)
        self._features = None
        return nn.functional.cross_entropy(shapes, cells[:, 0]) + nn.functional.cross_entropy(colors, cells[:, 1])
