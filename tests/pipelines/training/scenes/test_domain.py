"""The constants of the image domain fit each other."""

from __future__ import annotations

import pytest

from pipelines.training.scenes import domain


def test_a_square_is_smaller_than_the_other_shapes_at_the_same_radius() -> None:
    assert domain.unit_extent("square") == pytest.approx(0.85)
    assert domain.unit_extent("circle") == pytest.approx(1.0, abs=0.01)


def test_every_shape_and_only_known_colors_are_held_out() -> None:
    assert {shape for _, shape in domain.HELD_OUT} == set(domain.SHAPES)
    assert {color for color, _ in domain.HELD_OUT} <= set(domain.COLORS)
