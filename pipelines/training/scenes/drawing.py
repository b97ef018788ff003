"""Draws a scene: anti-aliased flat shapes on a flat background, as 8-bit sRGB."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pipelines.training.scenes import world
from pipelines.training.scenes.scene import Scene, Thing

SUPERSAMPLING = 4

Pixels: TypeAlias = NDArray[np.uint8]
"""[height, width, 3], sRGB."""


def draw(scene: Scene) -> Pixels:
    canvas = np.empty((scene.height, scene.width, 3), dtype=np.float32)
    canvas[:] = world.BACKGROUNDS[scene.background]
    for thing in scene.things:
        _paint(canvas, thing)
    return np.rint(canvas).astype(np.uint8)


def _paint(canvas: NDArray[np.float32], thing: Thing) -> None:
    left, top, right, bottom = thing.box
    x0, y0 = max(math.floor(left) - 1, 0), max(math.floor(top) - 1, 0)
    x1, y1 = min(math.ceil(right) + 1, canvas.shape[1]), min(math.ceil(bottom) + 1, canvas.shape[0])
    alpha = coverage(thing, x0, y0, x1 - x0, y1 - y0)[..., None]
    colour = np.array(world.COLOURS[thing.colour], dtype=np.float32)
    patch = canvas[y0:y1, x0:x1]
    patch += alpha * (colour - patch)


def coverage(thing: Thing, x0: int, y0: int, width: int, height: int) -> NDArray[np.float32]:
    """Share of each pixel that the object covers, [height, width], for the window with its corner at (x0, y0)."""
    s = SUPERSAMPLING
    mask = Image.new("L", (width * s, height * s), 0)
    pen = ImageDraw.Draw(mask)

    def points(polygon: world.Polygon) -> list[tuple[float, float]]:
        # Pillow's coordinates name pixel centres, ours pixel corners: hence the half.
        at = (np.array([thing.x - x0, thing.y - y0]) + thing.radius * polygon) * s - 0.5
        return [(float(x), float(y)) for x, y in at]

    pen.polygon(points(world.OUTLINES[thing.shape]), fill=255)
    if thing.shape in world.HOLES:
        pen.polygon(points(world.HOLES[thing.shape]), fill=0)
    return np.asarray(mask.reduce(s), dtype=np.float32) / np.float32(255)
