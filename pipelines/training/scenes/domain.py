"""Constants of the image domain: colors, backgrounds, shapes, sizes and the held-out pairs.

It holds data only. `drawing` renders scenes, `captions` describes them and `image_grader` recognizes them.
The y axis points down; lengths are fractions of an image's shorter side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = tuple[int, int, int]

COLORS: Final[Mapping[str, Rgb]] = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (245, 210, 40),
    "orange": (245, 140, 30),
    "purple": (140, 60, 180),
    "pink": (245, 130, 180),
    "cyan": (40, 200, 210),
    "white": (250, 250, 250),
    "black": (20, 20, 20),
    "gray": (128, 128, 128),
    "brown": (130, 80, 40),
}

BACKGROUNDS: Final[Mapping[str, Rgb]] = {
    "white": (250, 250, 250),
    "black": (20, 20, 20),
    "gray": (128, 128, 128),
    "blue": (150, 190, 240),
    "green": (150, 210, 150),
    "pink": (250, 210, 220),
    "yellow": (250, 240, 180),
}

HELD_OUT: Final[frozenset[tuple[str, str]]] = frozenset(
    {
        ("red", "triangle"),
        ("white", "circle"),
        ("yellow", "square"),
        ("brown", "square"),
        ("pink", "triangle"),
        ("green", "star"),
        ("black", "star"),
        ("orange", "heart"),
        ("cyan", "diamond"),
        ("blue", "ring"),
        ("gray", "ring"),
        ("purple", "cross"),
    }
)
"""Pairs of color and shape that no training image contains. They measure whether the model generalizes to new pairs."""

SMALL_RADIUS: Final = 0.13
LARGE_RADIUS: Final = 0.36
PLAIN_RADIUS: Final[Mapping[int, float]] = {1: 0.24, 2: 0.19, 3: 0.14, 4: 0.14}
"""Radius of an object without a named size, by the number of objects in the image."""
RADIUS_JITTER: Final = 0.10
"""Largest random change of a radius, relative to the radius."""
GAP: Final = 4 / 128
"""Minimum distance between the bounding boxes of two objects."""
TRAINING_GAP: Final = 10 / 128
"""Minimum distance in the scenes that train the UNet.

It exceeds `GAP` because the UNet places objects closer together than in its training data, and objects that touch are
counted as one."""
RELATION_DISTANCE: Final = 0.25
"""Minimum distance between two centers, as a fraction of the width (left, right) or of the height (above, below)."""

SIZES: Final[tuple[tuple[int, int], ...]] = ((128, 128), (160, 96), (96, 160))
"""Image sizes in pixels, width by height."""

Polygon: TypeAlias = NDArray[np.float64]
"""Vertices [N, 2], x then y, for radius 1 and center (0, 0)."""


def _circle(radius: float, points: int = 72) -> Polygon:
    t = np.linspace(0.0, 2 * math.pi, points, endpoint=False)
    return radius * np.stack([np.cos(t), np.sin(t)], axis=1)


def _star() -> Polygon:
    t = np.arange(10) * math.pi / 5
    radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return np.stack([radius * np.sin(t), -radius * np.cos(t)], axis=1)


def _heart(points: int = 96) -> Polygon:
    t = np.linspace(0.0, 2 * math.pi, points, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([0.95 * np.sin(t) ** 3, -0.95 * y / 16], axis=1)


def _cross(half_width: float = 0.33) -> Polygon:
    w = half_width
    corners = [
        (-w, -1),
        (w, -1),
        (w, -w),
        (1, -w),
        (1, w),
        (w, w),
        (w, 1),
        (-w, 1),
        (-w, w),
        (-1, w),
        (-1, -w),
        (-w, -w),
    ]
    return np.array(corners, dtype=np.float64)


OUTLINES: Final[Mapping[str, Polygon]] = {
    "circle": _circle(1.0),
    "ring": _circle(1.0),
    "square": 0.85 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=np.float64),
    "diamond": np.array([(0, -1), (0.75, 0), (0, 1), (-0.75, 0)], dtype=np.float64),
    "triangle": np.array([(0, -1), (0.95, 0.75), (-0.95, 0.75)], dtype=np.float64),
    "star": _star(),
    "cross": _cross(),
    "heart": _heart(),
}

HOLES: Final[Mapping[str, Polygon]] = {"ring": _circle(0.5)}

SHAPES: Final[tuple[str, ...]] = tuple(OUTLINES)


def unit_box(shape: str) -> tuple[float, float, float, float]:
    """Returns the shape's bounding box at radius 1: left, top, right, bottom."""
    low, high = OUTLINES[shape].min(axis=0), OUTLINES[shape].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def unit_extent(shape: str) -> float:
    """Returns half of the longer side of the shape's bounding box at radius 1; 0.85 for a square."""
    left, top, right, bottom = unit_box(shape)
    return max(right - left, bottom - top) / 2
