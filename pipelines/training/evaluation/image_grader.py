"""Reads an image of the bundled model's world back: background, objects, colours, shapes, sizes, and whether it
shows what a prompt asked. It sees pixels only, never how they were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from pipelines.training.cielab import to_lab
from pipelines.training.scenes import world
from pipelines.training.scenes.captions import Ask, Mention
from pipelines.training.scenes.drawing import Pixels, coverage
from pipelines.training.scenes.scene import Scene, Thing, relations

DISTANCE: Final = 13.0
"""CIELAB distance (CIE76) from the background at which a pixel belongs to an object."""
LEAST_AREA: Final = 0.004
"""Of the image; smaller components are not objects."""
MASK_SIDE: Final = 32

Floats = NDArray[np.float64]


def read(image: Pixels) -> Scene:
    """The scene that the image shows. Its size word is that of its only object, else plain."""
    height, width = image.shape[:2]
    lab = to_lab(image)
    border = np.concatenate([lab[0], lab[-1], lab[1:-1, 0], lab[1:-1, -1]])
    ground = np.median(border, axis=0)
    labels, _count = ndimage.label(np.linalg.norm(lab - ground, axis=-1) > DISTANCE)
    things = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        window = rows, columns
        inside = labels[window] == number
        if inside.sum() >= LEAST_AREA * width * height:
            things.append(_thing(lab[window], inside, window))
    size = _size(things[0].radius / min(width, height)) if len(things) == 1 else "plain"
    return Scene(width, height, _nearest(ground, world.BACKGROUNDS), tuple(things), size)


def shows(scene: Scene, ask: Ask) -> bool:
    """Whether everything asked is there and nothing else is."""
    if not ask.mentions:
        return True
    if len(scene.things) != ask.count or ask.background not in (None, scene.background):
        return False
    if ask.size not in (None, scene.size):
        return False
    if len(ask.mentions) == 1:
        alike = len({thing.colour for thing in scene.things}) == 1
        return alike and all(_is(thing, ask.mentions[0]) for thing in scene.things)
    a, b = scene.things
    return _pair(scene, a, b, ask) or _pair(scene, b, a, ask)


def _pair(scene: Scene, a: Thing, b: Thing, ask: Ask) -> bool:
    if not (_is(a, ask.mentions[0]) and _is(b, ask.mentions[1])):
        return False
    holding = relations(scene, a, b)
    if ask.relation == "beside":
        return "left" in holding or "right" in holding
    return ask.relation is None or ask.relation in holding


def _is(thing: Thing, mention: Mention) -> bool:
    return thing.shape == mention.shape and mention.colour in (None, thing.colour)


def _thing(lab: Floats, inside: NDArray[np.bool_], window: tuple[slice, slice]) -> Thing:
    rows, columns = window
    colour = _nearest(np.median(lab[inside], axis=0), world.COLOURS)
    resized = Image.fromarray(inside).convert("L").resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)
    mask = np.asarray(resized) >= 128
    shape = max(world.SHAPES, key=lambda name: _overlap(mask, _template(name)))
    left, top, right, bottom = world.unit_box(shape)
    longer = max(rows.stop - rows.start, columns.stop - columns.start)
    radius = longer / 2 / world.unit_extent(shape)
    x = (columns.start + columns.stop) / 2 - radius * (left + right) / 2
    y = (rows.start + rows.stop) / 2 - radius * (top + bottom) / 2
    return Thing(shape, colour, x, y, radius)


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


@cache
def _template(shape: str) -> NDArray[np.bool_]:
    """The shape's mask, cut to its box and resized as components are."""
    scale = 4 * MASK_SIDE
    left, top, right, bottom = world.unit_box(shape)
    width, height = round(scale * (right - left)), round(scale * (bottom - top))
    thing = Thing(shape, "black", -left * scale, -top * scale, scale)
    full = Image.fromarray((coverage(thing, 0, 0, width, height) * 255).astype(np.uint8))
    return np.asarray(full.resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)) >= 128


def _size(radius: float) -> str:
    classes = {"small": world.SMALL_RADIUS, "plain": world.PLAIN_RADIUS[1], "large": world.LARGE_RADIUS}
    return min(classes, key=lambda name: abs(classes[name] - radius))


def _nearest(lab: Floats, palette: Mapping[str, world.Rgb]) -> str:
    return min(palette, key=lambda name: float(np.linalg.norm(_lab_of(palette[name]) - lab)))


@cache
def _lab_of(rgb: world.Rgb) -> Floats:
    lab: Floats = to_lab(np.array([[rgb]], dtype=np.uint8))[0, 0]
    return lab
