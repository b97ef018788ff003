"""Draws scenes as 8-bit sRGB images: anti-aliased flat shapes on a flat background."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipelines.training.scenes import domain
from pipelines.training.scenes.scene import Scene, SceneObject

SUPERSAMPLING = 4
"""Samples per pixel along each axis."""

Pixels: TypeAlias = NDArray[np.uint8]
"""[height, width, 3], sRGB."""


def draw(scene: Scene) -> Pixels:
    """Draws the objects in their order, later ones on top."""
    canvas = np.empty((scene.height, scene.width, 3), dtype=np.float32)
    canvas[:] = domain.BACKGROUNDS[scene.background]
    for item in scene.objects:
        _paint(canvas, item)
    return np.rint(canvas).astype(np.uint8)


def _paint(canvas: NDArray[np.float32], item: SceneObject) -> None:
    left, top, right, bottom = item.box
    x0, y0 = max(math.floor(left) - 1, 0), max(math.floor(top) - 1, 0)
    x1, y1 = min(math.ceil(right) + 1, canvas.shape[1]), min(math.ceil(bottom) + 1, canvas.shape[0])
    alpha = coverage(item, x0, y0, x1 - x0, y1 - y0)[..., None]
    color = np.array(domain.COLORS[item.color], dtype=np.float32)
    patch = canvas[y0:y1, x0:x1]
    patch += alpha * (color - patch)


def coverage(item: SceneObject, x0: int, y0: int, width: int, height: int) -> NDArray[np.float32]:
    """Returns the share of each pixel that the object covers, [height, width], in the window with corner (x0, y0)."""
    s = SUPERSAMPLING
    mask = Image.new("L", (width * s, height * s), 0)
    pen = ImageDraw.Draw(mask)

    def points(polygon: domain.Polygon) -> list[tuple[float, float]]:
        # Pillow's coordinates refer to pixel centers, ours to pixel corners.
        at = (np.array([item.x - x0, item.y - y0]) + item.radius * polygon) * s - 0.5
        return [(float(x), float(y)) for x, y in at]

    pen.polygon(points(domain.OUTLINES[item.shape]), fill=255)
    if item.shape in domain.HOLES:
        pen.polygon(points(domain.HOLES[item.shape]), fill=0)
    return np.asarray(mask.reduce(s), dtype=np.float32) / np.float32(255)
