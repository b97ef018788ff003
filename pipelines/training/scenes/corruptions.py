"""Slips: a scene with one thing wrong, as a model that is drawing it gets things wrong.

Halfway through, an image may show a fifth heart where four were asked for, or a star that is turning into a diamond.
No noised training image looks so, and a model that has seen nothing else finishes what it sees. From images that
are part slip it learns to hold what it sees against the caption, and to mend it. It is the exposure bias of
arXiv:2301.11706, whose remedy perturbs the input by noise; here the perturbation has a meaning.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from pipelines.training.scenes import world
from pipelines.training.scenes.captions import Ask
from pipelines.training.scenes.scene import Scene, Thing, apart, random_pair

_TRIES: Final = 20
_LIKE: Final[dict[str, tuple[str, ...]]] = {
    "circle": ("ring", "heart"),
    "ring": ("circle",) * 6,
    "square": ("circle", "diamond"),
    "diamond": ("star", "circle"),
    "triangle": ("heart", "circle"),
    "star": ("diamond", "circle") * 3,
    "cross": ("circle", "diamond", "square"),
    "heart": ("circle", "triangle"),
}
"""What each shape is most often mistaken for, over the chance that every shape has."""
_Things: TypeAlias = tuple[Thing, ...]


def slip(scene: Scene, rng: random.Random) -> tuple[str, Scene]:
    """What goes wrong (one of `KINDS`), and the scene where it has. No pair that is held out comes of it."""
    while True:
        kind = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        things = KINDS[kind][1](scene, rng)
        if things is not None and all(_allowed(thing, scene.background) for thing in things):
            return kind, replace(scene, things=things)


def contradicts(kind: str, ask: Ask) -> bool:
    """Whether the ask says anything that such a slip gets wrong."""
    coloured = bool(ask.mentions) and all(mention.colour is not None for mention in ask.mentions)
    named = {"size": ask.size is not None, "colour": coloured, "binding": coloured}
    return bool(ask.mentions) and named.get(kind, True)


def _one_more(scene: Scene, rng: random.Random) -> _Things | None:
    return _with(scene, rng.choice(scene.things), rng)


def _stray(scene: Scene, rng: random.Random) -> _Things | None:
    """As blemishes are that grow into an object."""
    colour, shape = random_pair(rng, scene.background)
    return _with(scene, replace(rng.choice(scene.things), colour=colour, shape=shape), rng)


def _with(scene: Scene, model: Thing, rng: random.Random) -> _Things | None:
    for _ in range(_TRIES):
        radius = model.radius * rng.uniform(0.5, 1)
        x, y = rng.uniform(radius, scene.width - radius), rng.uniform(radius, scene.height - radius)
        extra = replace(model, x=x, y=y, radius=radius)
        if all(apart(extra, thing, 0) for thing in scene.things):
            return (*scene.things, extra)
    return None


def _one_less(scene: Scene, rng: random.Random) -> _Things | None:
    if len(scene.things) == 1:
        return None
    left_out = rng.randrange(len(scene.things))
    return scene.things[:left_out] + scene.things[left_out + 1 :]


def _count(scene: Scene, rng: random.Random) -> _Things | None:
    return rng.choice((_one_more, _one_less))(scene, rng)


def _shape(scene: Scene, rng: random.Random) -> _Things | None:
    return _changed(scene, rng, lambda thing: replace(thing, shape=rng.choice(_LIKE[thing.shape] + world.SHAPES)))


def _colour(scene: Scene, rng: random.Random) -> _Things | None:
    return _changed(scene, rng, lambda thing: replace(thing, colour=rng.choice(list(world.COLOURS))))


def _size(scene: Scene, rng: random.Random) -> _Things | None:
    if scene.size == "plain":
        return None
    (thing,) = scene.things
    short = min(scene.width, scene.height)
    grown = replace(thing, radius=short * rng.uniform(world.SMALL_RADIUS, world.LARGE_RADIUS))
    left, top, right, bottom = grown.box
    return (grown,) if left >= 0 and top >= 0 and right <= scene.width and bottom <= scene.height else None


def _binding(scene: Scene, _rng: random.Random) -> _Things | None:
    if len(scene.things) != 2:
        return None
    one, other = scene.things
    changed = replace(one, colour=other.colour), replace(other, colour=one.colour)
    return changed if one.shape != other.shape and one.colour != other.colour else None


KINDS: Final[dict[str, tuple[float, Callable[[Scene, random.Random], _Things | None]]]] = {
    "count": (0.4, _count),
    "stray": (0.15, _stray),
    "shape": (0.25, _shape),
    "colour": (0.15, _colour),
    "size": (0.2, _size),
    "binding": (0.1, _binding),
}
"""How often each is tried, and how it is made of a scene, where it can be."""


def _changed(scene: Scene, rng: random.Random, change: Callable[[Thing], Thing]) -> _Things | None:
    which = rng.randrange(len(scene.things))
    changed = change(scene.things[which])
    if changed == scene.things[which]:
        return None
    return (*scene.things[:which], changed, *scene.things[which + 1 :])


def _allowed(thing: Thing, background: str) -> bool:
    return (thing.colour, thing.shape) not in world.HELD_OUT and thing.colour != background
