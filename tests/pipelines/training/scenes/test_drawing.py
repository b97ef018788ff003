"""Drawn shapes have their area and their holes, and later objects cover earlier ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pipelines.training.scenes import domain
from pipelines.training.scenes.drawing import coverage, draw
from pipelines.training.scenes.scene import Scene, SceneObject


@pytest.mark.parametrize(
    ("shape", "area"), [("circle", math.pi), ("ring", math.pi * (1 - 0.5**2)), ("square", 1.7**2), ("diamond", 1.5)]
)
def test_a_shape_covers_its_area(shape: str, area: float) -> None:
    covered = coverage(SceneObject(shape, "red", 64.0, 64.0, 40.0), 0, 0, 128, 128)
    assert covered.sum() == pytest.approx(area * 40**2, rel=0.02)


def test_a_later_object_covers_an_earlier_one() -> None:
    objects = (SceneObject("square", "red", 64, 64, 40), SceneObject("circle", "blue", 64, 64, 20))
    image = draw(Scene(128, 128, "white", objects))
    assert tuple(image[64, 64]) == domain.COLORS["blue"]
    assert tuple(image[40, 40]) == domain.COLORS["red"]
    assert tuple(image[0, 0]) == domain.BACKGROUNDS["white"]


def test_the_hole_of_a_ring_shows_the_background() -> None:
    image = draw(Scene(128, 128, "pink", (SceneObject("ring", "black", 64, 64, 40),)))
    assert np.array_equal(image[64, 64], domain.BACKGROUNDS["pink"])
