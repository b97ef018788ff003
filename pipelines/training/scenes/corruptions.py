"""Corruptions: copies of a scene with one error of the kind that a half-trained model makes.

While the model draws, an intermediate image may show a fifth heart where the prompt asks for four, or a star that
turns into a diamond. Noised training images never look like that, so a model that was trained on nothing else completes
what it sees. Trained on images that partly show a corruption, it learns to compare the image with the caption and to
correct it. This is the exposure bias of arXiv:2301.11706, whose remedy perturbs the input by noise; here the
perturbation is semantic.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

from pipelines.training.scenes import domain
from pipelines.training.scenes.captions import PromptSpec
from pipelines.training.scenes.scene import Scene, SceneObject, are_apart, random_pair

_TRIES: Final = 20
_CONFUSED_WITH: Final[dict[str, tuple[str, ...]]] = {
    "circle": ("ring", "heart"),
    "ring": ("circle",) * 6,
    "square": ("circle", "diamond"),
    "diamond": ("star", "circle"),
    "triangle": ("heart", "circle"),
    "star": ("diamond", "circle") * 3,
    "cross": ("circle", "diamond", "square"),
    "heart": ("circle", "triangle"),
}
"""Shapes that each shape is most often mistaken for. They are chosen in addition to a uniform choice of all shapes."""
_Objects: TypeAlias = tuple[SceneObject, ...]


def corrupt(scene: Scene, rng: random.Random) -> tuple[str, Scene]:
    """Returns the kind of error (a key of `KINDS`) and the corrupted scene, which contains no held-out pair."""
    while True:
        kind = rng.choices(list(KINDS), [weight for weight, _ in KINDS.values()])[0]
        objects = KINDS[kind][1](scene, rng)
        if objects is not None and all(_is_allowed(item, scene.background) for item in objects):
            return kind, replace(scene, objects=objects)


def contradicts(kind: str, spec: PromptSpec) -> bool:
    """Returns whether a corruption of this kind makes the spec wrong: whether the spec names what it changes."""
    colored = bool(spec.mentions) and all(mention.color is not None for mention in spec.mentions)
    named = {"size": spec.size is not None, "color": colored, "binding": colored}
    return bool(spec.mentions) and named.get(kind, True)


def _add_copy(scene: Scene, rng: random.Random) -> _Objects | None:
    return _add_like(scene, rng.choice(scene.objects), rng)


def _add_stray(scene: Scene, rng: random.Random) -> _Objects | None:
    """Adds an object unlike the others, as artifacts that grow into an object are."""
    color, shape = random_pair(rng, scene.background)
    return _add_like(scene, replace(rng.choice(scene.objects), color=color, shape=shape), rng)


def _add_like(scene: Scene, model: SceneObject, rng: random.Random) -> _Objects | None:
    for _ in range(_TRIES):
        radius = model.radius * rng.uniform(0.5, 1)
        x, y = rng.uniform(radius, scene.width - radius), rng.uniform(radius, scene.height - radius)
        extra = replace(model, x=x, y=y, radius=radius)
        if all(are_apart(extra, item, 0) for item in scene.objects):
            return (*scene.objects, extra)
    return None


def _remove_one(scene: Scene, rng: random.Random) -> _Objects | None:
    if len(scene.objects) == 1:
        return None
    removed = rng.randrange(len(scene.objects))
    return scene.objects[:removed] + scene.objects[removed + 1 :]


def _change_count(scene: Scene, rng: random.Random) -> _Objects | None:
    return rng.choice((_add_copy, _remove_one))(scene, rng)


def _change_shape(scene: Scene, rng: random.Random) -> _Objects | None:
    return _change_one(
        scene, rng, lambda item: replace(item, shape=rng.choice(_CONFUSED_WITH[item.shape] + domain.SHAPES))
    )


def _change_color(scene: Scene, rng: random.Random) -> _Objects | None:
    return _change_one(scene, rng, lambda item: replace(item, color=rng.choice(list(domain.COLORS))))


def _change_size(scene: Scene, rng: random.Random) -> _Objects | None:
    if scene.size == "plain":
        return None
    (only,) = scene.objects
    short = min(scene.width, scene.height)
    resized = replace(only, radius=short * rng.uniform(domain.SMALL_RADIUS, domain.LARGE_RADIUS))
    left, top, right, bottom = resized.box
    return (resized,) if left >= 0 and top >= 0 and right <= scene.width and bottom <= scene.height else None


def _swap_colors(scene: Scene, _rng: random.Random) -> _Objects | None:
    if len(scene.objects) != 2:
        return None
    one, other = scene.objects
    changed = replace(one, color=other.color), replace(other, color=one.color)
    return changed if one.shape != other.shape and one.color != other.color else None


KINDS: Final[dict[str, tuple[float, Callable[[Scene, random.Random], _Objects | None]]]] = {
    "count": (0.4, _change_count),
    "stray": (0.15, _add_stray),
    "shape": (0.25, _change_shape),
    "color": (0.15, _change_color),
    "size": (0.2, _change_size),
    "binding": (0.1, _swap_colors),
}
"""For each kind its weight in the random choice, and the function that corrupts a scene; None where it cannot."""


def _change_one(scene: Scene, rng: random.Random, change: Callable[[SceneObject], SceneObject]) -> _Objects | None:
    which = rng.randrange(len(scene.objects))
    changed = change(scene.objects[which])
    if changed == scene.objects[which]:
        return None
    return (*scene.objects[:which], changed, *scene.objects[which + 1 :])


def _is_allowed(item: SceneObject, background: str) -> bool:
    return (item.color, item.shape) not in domain.HELD_OUT and item.color != background
