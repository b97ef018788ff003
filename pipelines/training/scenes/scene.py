"""Scenes: which objects an image contains and where; and a generator of random training scenes.

A scene has no pixels and no caption. `random_scene` never returns a held-out pair of color and shape.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from pipelines.training.scenes import domain


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One object. `x`, `y` (its center) and `radius` are in pixels."""

    shape: str
    color: str
    x: float
    y: float
    radius: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The bounding box in pixels: left, top, right, bottom."""
        left, top, right, bottom = domain.unit_box(self.shape)
        r = self.radius
        return self.x + r * left, self.y + r * top, self.x + r * right, self.y + r * bottom


@dataclass(frozen=True, slots=True)
class Scene:
    """An image's contents. `width` and `height` are in pixels."""

    width: int
    height: int
    background: str
    objects: tuple[SceneObject, ...]
    size: str = "plain"
    """small, plain or large; always plain where there is more than one object."""


class _NoRoomError(Exception):
    """The objects did not fit; the caller starts over with new random values."""


def random_pair(rng: random.Random, background: str) -> tuple[str, str]:
    """Returns a color and a shape for a training scene: not held out, and not of the background's color."""
    while True:
        pair = rng.choice(list(domain.COLORS)), rng.choice(domain.SHAPES)
        if pair not in domain.HELD_OUT and pair[0] != background:
            return pair


def random_scene(rng: random.Random, width: int, height: int, gap: float = domain.GAP) -> Scene:
    """Returns a training scene: one object (30%), two to four identical ones (30%) or two different ones (40%).

    The objects' bounding boxes are at least `gap` apart, a fraction of the shorter side.
    """
    while True:
        background = rng.choice(list(domain.BACKGROUNDS))
        kind = rng.random()
        try:
            if kind < 0.3:
                return _single(rng, width, height, background)
            if kind < 0.6:
                return _identical(rng, width, height, background, gap)
            return _pair(rng, width, height, background, gap)
        except _NoRoomError:
            continue


def _single(rng: random.Random, width: int, height: int, background: str) -> Scene:
    size = rng.choice(("small", "plain", "plain", "large"))
    radius = {"small": domain.SMALL_RADIUS, "plain": domain.PLAIN_RADIUS[1], "large": domain.LARGE_RADIUS}[size]
    objects = place(rng, width, height, [random_pair(rng, background)], radius)
    return Scene(width, height, background, objects, size)


def _identical(rng: random.Random, width: int, height: int, background: str, gap: float) -> Scene:
    count = rng.choice((2, 3, 4))
    pair = random_pair(rng, background)
    objects = place(rng, width, height, [pair] * count, domain.PLAIN_RADIUS[count], gap)
    return Scene(width, height, background, objects)


def _pair(rng: random.Random, width: int, height: int, background: str, gap: float) -> Scene:
    first = random_pair(rng, background)
    second = random_pair(rng, background)
    if first == second:
        raise _NoRoomError
    return Scene(width, height, background, place(rng, width, height, [first, second], domain.PLAIN_RADIUS[2], gap))


def place(
    rng: random.Random, width: int, height: int, pairs: list[tuple[str, str]], radius: float, gap: float = domain.GAP
) -> tuple[SceneObject, ...]:
    """Places one object for each (color, shape) at random, wholly inside the image and at least `gap` from the others.

    Each radius is `radius` plus or minus 10%; `radius` and `gap` are fractions of the shorter side.
    Raises `_NoRoomError` where an object finds no place in 30 tries.
    """
    short = min(width, height)
    placed: list[SceneObject] = []
    for color, shape in pairs:
        for _ in range(30):
            r = radius * short * rng.uniform(1 - domain.RADIUS_JITTER, 1 + domain.RADIUS_JITTER)
            left, top, right, bottom = domain.unit_box(shape)
            x = rng.uniform(1 - r * left, width - 1 - r * right)
            y = rng.uniform(1 - r * top, height - 1 - r * bottom)
            item = SceneObject(shape, color, x, y, r)
            if all(are_apart(item, other, gap * short) for other in placed):
                placed.append(item)
                break
        else:
            raise _NoRoomError
    return tuple(placed)


def are_apart(a: SceneObject, b: SceneObject, gap: float) -> bool:
    """Returns whether the bounding boxes are at least `gap` pixels apart."""
    a_left, a_top, a_right, a_bottom = a.box
    b_left, b_top, b_right, b_bottom = b.box
    across = max(a_left, b_left) - min(a_right, b_right)
    down = max(a_top, b_top) - min(a_bottom, b_bottom)
    return max(across, down) >= gap


def relations(scene: Scene, a: SceneObject, b: SceneObject) -> list[str]:
    """Returns the positions of `a` relative to `b` that hold: any of left, right, above, below."""
    dx, dy = (b.x - a.x) / scene.width, (b.y - a.y) / scene.height
    far = domain.RELATION_DISTANCE
    found = {"left": dx >= far, "right": -dx >= far, "above": dy >= far, "below": -dy >= far}
    return [name for name, holds in found.items() if holds]
