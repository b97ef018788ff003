"""Scenes: what is in an image and where, and how training scenes are drawn by lot.

A scene knows no pixels and no words. Held-out pairs never leave `random_scene`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from pipelines.training.scenes import world


@dataclass(frozen=True, slots=True)
class Thing:
    """One object. `x`, `y` and `radius` are in pixels of the image that holds it."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        left, top, right, bottom = world.unit_box(self.shape)
        r = self.radius
        return self.x + r * left, self.y + r * top, self.x + r * right, self.y + r * bottom


@dataclass(frozen=True, slots=True)
class Scene:
    width: int
    height: int
    background: str
    things: tuple[Thing, ...]
    size: str = "plain"
    """small, plain or large; always plain with more than one object."""


class _NoRoomError(Exception):
    """A draw in which the objects did not fit; the caller draws again."""


def random_pair(rng: random.Random, background: str) -> tuple[str, str]:
    """A colour and a shape that may be trained on: not held out, not lost on the background."""
    while True:
        pair = rng.choice(list(world.COLOURS)), rng.choice(world.SHAPES)
        if pair not in world.HELD_OUT and pair[0] != background:
            return pair


def random_scene(rng: random.Random, width: int, height: int, gap: float = world.GAP) -> Scene:
    """A training scene: one object (3 in 10), several alike (3 in 10), or two that differ (4 in 10).

    They stand `gap` apart, a fraction of the shorter side.
    """
    while True:
        background = rng.choice(list(world.BACKGROUNDS))
        kind = rng.random()
        try:
            if kind < 0.3:
                return _one(rng, width, height, background)
            if kind < 0.6:
                return _alike(rng, width, height, background, gap)
            return _two(rng, width, height, background, gap)
        except _NoRoomError:
            continue


def _one(rng: random.Random, width: int, height: int, background: str) -> Scene:
    size = rng.choice(("small", "plain", "plain", "large"))
    radius = {"small": world.SMALL_RADIUS, "plain": world.PLAIN_RADIUS[1], "large": world.LARGE_RADIUS}[size]
    things = place(rng, width, height, [random_pair(rng, background)], radius)
    return Scene(width, height, background, things, size)


def _alike(rng: random.Random, width: int, height: int, background: str, gap: float) -> Scene:
    count = rng.choice((2, 3, 4))
    pair = random_pair(rng, background)
    things = place(rng, width, height, [pair] * count, world.PLAIN_RADIUS[count], gap)
    return Scene(width, height, background, things)


def _two(rng: random.Random, width: int, height: int, background: str, gap: float) -> Scene:
    first = random_pair(rng, background)
    second = random_pair(rng, background)
    if first == second:
        raise _NoRoomError
    return Scene(width, height, background, place(rng, width, height, [first, second], world.PLAIN_RADIUS[2], gap))


def place(
    rng: random.Random, width: int, height: int, pairs: list[tuple[str, str]], radius: float, gap: float = world.GAP
) -> tuple[Thing, ...]:
    """Put the objects down whole and `gap` apart, each of `radius` give or take 10%, fractions of the shorter side."""
    short = min(width, height)
    placed: list[Thing] = []
    for colour, shape in pairs:
        for _ in range(30):
            r = radius * short * rng.uniform(1 - world.RADIUS_JITTER, 1 + world.RADIUS_JITTER)
            left, top, right, bottom = world.unit_box(shape)
            x = rng.uniform(1 - r * left, width - 1 - r * right)
            y = rng.uniform(1 - r * top, height - 1 - r * bottom)
            thing = Thing(shape, colour, x, y, r)
            if all(apart(thing, other, gap * short) for other in placed):
                placed.append(thing)
                break
        else:
            raise _NoRoomError
    return tuple(placed)


def apart(a: Thing, b: Thing, gap: float) -> bool:
    a_left, a_top, a_right, a_bottom = a.box
    b_left, b_top, b_right, b_bottom = b.box
    across = max(a_left, b_left) - min(a_right, b_right)
    down = max(a_top, b_top) - min(a_bottom, b_bottom)
    return max(across, down) >= gap


def relations(scene: Scene, a: Thing, b: Thing) -> list[str]:
    """How `a` stands to `b`: any of left, right, above, below."""
    dx, dy = (b.x - a.x) / scene.width, (b.y - a.y) / scene.height
    far = world.RELATION_DISTANCE
    found = {"left": dx >= far, "right": -dx >= far, "above": dy >= far, "below": -dy >= far}
    return [name for name, holds in found.items() if holds]
