"""Grades images: recognizes background, objects, colors, shapes and sizes, and compares them with a prompt's spec.

The grader sees pixels only. It segments an image by each pixel's CIELAB distance from the border's color, and names the
color and shape of each component.
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
from pipelines.training.scenes import domain
from pipelines.training.scenes.captions import Mention, PromptSpec
from pipelines.training.scenes.drawing import Pixels, coverage
from pipelines.training.scenes.scene import Scene, SceneObject, relations

MIN_DISTANCE: Final = 13.0
"""CIELAB distance (CIE76) from the background above which a pixel belongs to an object."""
MIN_AREA: Final = 0.004
"""Share of the image that a component must cover to count as an object."""
MASK_SIDE: Final = 32
"""Components and shape templates are compared at this size in pixels."""

Floats = NDArray[np.float64]


def read_scene(image: Pixels) -> Scene:
    """Returns the scene that the image shows. Its size is that of its only object, or plain where there are several."""
    height, width = image.shape[:2]
    lab = to_lab(image)
    border = np.concatenate([lab[0], lab[-1], lab[1:-1, 0], lab[1:-1, -1]])
    background = np.median(border, axis=0)
    labels, _count = ndimage.label(np.linalg.norm(lab - background, axis=-1) > MIN_DISTANCE)
    objects = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        window = rows, columns
        inside = labels[window] == number
        if inside.sum() >= MIN_AREA * width * height:
            objects.append(_recognize(lab[window], inside, window))
    size = _nearest_size(objects[0].radius / min(width, height)) if len(objects) == 1 else "plain"
    return Scene(width, height, _nearest_color(background, domain.BACKGROUNDS), tuple(objects), size)


def matches(scene: Scene, spec: PromptSpec) -> bool:
    """Returns whether the scene contains everything that the spec names and nothing else."""
    if not spec.mentions:
        return True
    if len(scene.objects) != spec.count or spec.background not in (None, scene.background):
        return False
    if spec.size not in (None, scene.size):
        return False
    if len(spec.mentions) == 1:
        same_color = len({item.color for item in scene.objects}) == 1
        return same_color and all(_is_mentioned(item, spec.mentions[0]) for item in scene.objects)
    a, b = scene.objects
    return _pair_matches(scene, a, b, spec) or _pair_matches(scene, b, a, spec)


def _pair_matches(scene: Scene, a: SceneObject, b: SceneObject, spec: PromptSpec) -> bool:
    if not (_is_mentioned(a, spec.mentions[0]) and _is_mentioned(b, spec.mentions[1])):
        return False
    found = relations(scene, a, b)
    if spec.relation == "beside":
        return "left" in found or "right" in found
    return spec.relation is None or spec.relation in found


def _is_mentioned(item: SceneObject, mention: Mention) -> bool:
    return item.shape == mention.shape and mention.color in (None, item.color)


def _recognize(lab: Floats, inside: NDArray[np.bool_], window: tuple[slice, slice]) -> SceneObject:
    rows, columns = window
    color = _nearest_color(np.median(lab[inside], axis=0), domain.COLORS)
    resized = Image.fromarray(inside).convert("L").resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)
    mask = np.asarray(resized) >= 128
    shape = max(domain.SHAPES, key=lambda name: _overlap(mask, _template(name)))
    left, top, right, bottom = domain.unit_box(shape)
    longer = max(rows.stop - rows.start, columns.stop - columns.start)
    radius = longer / 2 / domain.unit_extent(shape)
    x = (columns.start + columns.stop) / 2 - radius * (left + right) / 2
    y = (rows.start + rows.stop) / 2 - radius * (top + bottom) / 2
    return SceneObject(shape, color, x, y, radius)


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    return float((a & b).sum() / (a | b).sum())


@cache
def _template(shape: str) -> NDArray[np.bool_]:
    """Returns the shape's mask, cropped to its bounding box and resized as components are."""
    scale = 4 * MASK_SIDE
    left, top, right, bottom = domain.unit_box(shape)
    width, height = round(scale * (right - left)), round(scale * (bottom - top))
    item = SceneObject(shape, "black", -left * scale, -top * scale, scale)
    full = Image.fromarray((coverage(item, 0, 0, width, height) * 255).astype(np.uint8))
    return np.asarray(full.resize((MASK_SIDE, MASK_SIDE), Image.Resampling.BOX)) >= 128


def _nearest_size(radius: float) -> str:
    classes = {"small": domain.SMALL_RADIUS, "plain": domain.PLAIN_RADIUS[1], "large": domain.LARGE_RADIUS}
    return min(classes, key=lambda name: abs(classes[name] - radius))


def _nearest_color(lab: Floats, palette: Mapping[str, domain.Rgb]) -> str:
    return min(palette, key=lambda name: float(np.linalg.norm(_rgb_to_lab(palette[name]) - lab)))


@cache
def _rgb_to_lab(rgb: domain.Rgb) -> Floats:
    lab: Floats = to_lab(np.array([[rgb]], dtype=np.uint8))[0, 0]
    return lab
