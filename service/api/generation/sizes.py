"""Chooses the size of an image from what the caller asked for and what the model can draw. Pure functions."""

from __future__ import annotations

import math
import re
from typing import Final

from pipelines.model_info import Limits, ModelInfo
from service.engine.types import Size

_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", re.ASCII)


def parse_size(text: str) -> Size | None:
    """Reads `WIDTHxHEIGHT`, at most five digits each. Returns None for any other text."""
    match = _SIZE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def can_draw(size: Size, limits: Limits) -> bool:
    """Whether the model accepts `size` as it is."""
    return all(can_draw_side(side, limits) for side in size) and size[0] * size[1] <= limits.max_pixels


def can_draw_side(side: int, limits: Limits) -> bool:
    """Whether the model accepts an image with a side of that many pixels, if the other side suits it."""
    return limits.min_side <= side <= limits.max_side and side % limits.side_multiple == 0


def nearest_size(wanted: Size, model: ModelInfo) -> Size:
    """Returns `wanted` where the model accepts it, else the nearest of the sizes that it was trained for.

    Portrait stays portrait, landscape landscape and square square where the model has one of the kind; among those,
    the nearest is the one whose sides have to be stretched least.
    """
    if can_draw(wanted, model.limits):
        return wanted
    kin = [size for size in model.sizes if _aspect(size) == _aspect(wanted)] or model.sizes
    return min(kin, key=lambda size: sum(abs(math.log(a / b)) for a, b in zip(size, wanted, strict=True)))


def size_for(upload: Size, model: ModelInfo) -> Size:
    """Returns the size of an image that starts from an upload and for which no size is asked: the upload's own where
    the model can draw it, else one with nearly its proportions and about as many pixels as the model was trained for.
    """
    if can_draw(upload, model.limits):
        return upload
    return _scaled(upload, model, most=1.0)


def size_of_proportions(proportions: Size, model: ModelInfo) -> Size:
    """Returns a size with nearly these proportions: one that the model was trained for, or else one with about as many
    pixels as those.
    """
    width, height = proportions
    trained = (size for size in model.sizes if size[0] * height == size[1] * width)
    return next(trained, None) or _scaled(proportions, model, most=math.inf)


def _scaled(size: Size, model: ModelInfo, *, most: float) -> Size:
    """Scales a size, by `most` at most, to about as many pixels as the model was trained for."""
    limits = model.limits
    pixels = min(max(width * height for width, height in model.sizes), limits.max_pixels)
    scale = min(most, math.sqrt(pixels / (size[0] * size[1])))
    width, height = (_drawable_side(side * scale, limits) for side in size)
    while width * height > limits.max_pixels:
        width, height = (max(side - limits.side_multiple * (side >= max(width, height)), 1) for side in (width, height))
    return width, height


def enlarged(size: Size, scale: float, limits: Limits) -> Size:
    """Returns `size` with its sides multiplied and brought to the nearest multiples that the model can draw."""
    width, height = (limits.side_multiple * max(1, round(side * scale / limits.side_multiple)) for side in size)
    return width, height


def _drawable_side(side: float, limits: Limits) -> int:
    step = limits.side_multiple
    least, most = math.ceil(limits.min_side / step), limits.max_side // step
    return step * min(max(round(side / step), least), most)


def _aspect(size: Size) -> int:
    """Returns 1 for landscape, 0 for square, -1 for portrait."""
    return (size[0] > size[1]) - (size[0] < size[1])


def spell(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
