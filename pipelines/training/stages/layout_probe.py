"""What stands where: a question put to the UNet's features while it learns, and dropped when it is published.

The squared error of an image says little about what is in it: a diamond for a square costs a few pixels. So features
in the middle of the UNet's way up are asked, cell by cell, which shape and which colour is there, and learn to know it
from the noise and the caption, as representations are aligned in arXiv:2410.06940, but with the scene itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from pipelines.training.scenes import world
from pipelines.training.scenes.drawing import coverage
from pipelines.training.scenes.scene import Scene

CELL: Final = 8
"""Pixels of a cell's side: one latent's."""
_SHAPES: Final = ("none", *world.SHAPES)
_COLOURS: Final = (*world.COLOURS, *(f"{name} background" for name in world.BACKGROUNDS))
_FEATURES: Final = -2
"""The up block whose output is asked: the last but one, which comes out at the latents' size."""


def layout(scene: Scene) -> Tensor:
    """Indices of shape and colour in each cell, int64 [2, height / 8, width / 8]."""
    rows, columns = scene.height // CELL, scene.width // CELL
    shapes = np.full((rows, columns), _SHAPES.index("none"))
    colours = np.full((rows, columns), _COLOURS.index(f"{scene.background} background"))
    for thing in scene.things:
        small = replace(thing, x=thing.x / CELL, y=thing.y / CELL, radius=thing.radius / CELL)
        covered = coverage(small, 0, 0, columns, rows) >= 0.5
        shapes[covered] = _SHAPES.index(thing.shape)
        colours[covered] = _COLOURS.index(thing.colour)
    return torch.from_numpy(np.stack([shapes, colours]))


class LayoutHead(nn.Module):
    """Reads shapes and colours off the features of the UNet's last run."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        channels = unet.config.block_out_channels
        self.reading = nn.Conv2d(channels[1], len(_SHAPES) + len(_COLOURS), 1)
        self._features: Tensor | None = None
        unet.up_blocks[_FEATURES].register_forward_hook(self._keep)

    def _keep(self, _block: nn.Module, _inputs: object, features: Tensor) -> None:
        self._features = features

    def loss(self, layouts: Tensor) -> Tensor:
        """Mean cross-entropy of both questions. `layouts` [B, 2, h, w] of the images that the UNet has just seen."""
        if self._features is None:
            raise RuntimeError("the UNet has not been run")
        shapes, colours = self.reading(self._features).split((len(_SHAPES), len(_COLOURS)), dim=1)
        self._features = None
        return nn.functional.cross_entropy(shapes, layouts[:, 0]) + nn.functional.cross_entropy(colours, layouts[:, 1])
