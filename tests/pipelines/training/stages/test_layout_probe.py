"""The layout probe knows the class of each cell, and trains the UNet without changing its structure."""

from __future__ import annotations

import pytest
import torch

from pipelines.training.scenes import domain
from pipelines.training.scenes.scene import Scene, SceneObject
from pipelines.training.stages.diffusion import (
    new_unet,
)
from pipelines.training.stages.layout_probe import CELL, LayoutProbe, cell_classes


def test_each_cell_has_the_shape_and_color_at_its_position() -> None:
    objects = (SceneObject("ring", "red", 64.0, 64.0, 40.0), SceneObject("square", "cyan", 12.0, 84.0, 8.0))
    shapes, colors = cell_classes(Scene(160, 96, "white", objects))

    assert shapes.shape == (96 // CELL, 160 // CELL)
    positions = {"hole": (8, 8), "ring": (8, 4), "square": (10, 1), "ground": (2, 18)}
    assert {name: int(shapes[position]) for name, position in positions.items()} == {
        "hole": 0,
        "ring": 2,
        "square": 3,
        "ground": 0,
    }
    red, cyan, white = 0, list(domain.COLORS).index("cyan"), len(domain.COLORS)
    assert [int(colors[positions[name]]) for name in ("ring", "square", "ground")] == [red, cyan, white]


def test_the_probe_trains_the_unet_and_adds_no_parameters_to_it() -> None:
    torch.manual_seed(0)
    unet = new_unet()
    names = set(unet.state_dict())
    probe = LayoutProbe(unet)
    with pytest.raises(RuntimeError, match="no forward pass"):
        probe.loss(torch.zeros(1, 2, 8, 8, dtype=torch.int64))

    unet(torch.randn(1, 4, 8, 8), 500, torch.randn(1, 8, 128))
    torch.autograd.backward(probe.loss(torch.zeros(1, 2, 8, 8, dtype=torch.int64)))

    assert unet.conv_in.weight.grad is not None
    assert unet.conv_in.weight.grad.abs().max() > 0
    assert set(unet.state_dict()) == names
