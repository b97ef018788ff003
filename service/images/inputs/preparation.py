"""Prepares input images at the size at which a model takes them. Pure functions of pixels.

Resizing is that of diffusers' `VaeImageProcessor` (Lanczos, its `resize_mode` "default"): the whole image is stretched
to the size. A mask is thresholded at one half, as the processor does with `do_binarize` and `do_convert_grayscale`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops

from pipelines.interface import InputPixels
from service.images.inputs.raster import Raster

_WHITE: Final = 255
_HALF: Final = 128
"""The smallest 8-bit value of at least one half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """Pixels by which an image is extended on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def __bool__(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))

    def around(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns the size of an image of `size` after its extension."""
        return size[0] + self.left + self.right, size[1] + self.top + self.bottom


def mask_of(raster: Raster) -> Raster:
    """Returns a mask that is white where to repaint: where the image is transparent or, if it is opaque, bright."""
    image = raster.image
    return Raster(ImageChops.invert(image.getchannel("A")) if raster.has_transparency else image.convert("L"))


def drawn_mask(raster: Raster, size: tuple[int, int], *, inverted: bool = False) -> Raster:
    """Returns a mask of `size` from one that was drawn on a layer: white where the layer is opaque or, if it has no
    transparency, bright. `inverted` swaps black and white."""
    image = raster.image
    mask = image.getchannel("A") if raster.has_transparency else image.convert("L")
    return Raster(_resized(ImageChops.invert(mask) if inverted else mask, size))


def extended(raster: Raster, margins: Margins) -> Raster:
    """Returns the image on a larger canvas, with its outermost pixels repeated to the canvas's edges."""
    image, (width, height) = raster.image, margins.around(raster.size)
    canvas = Image.new(image.mode, (width, height))
    inner = (margins.left, margins.top, margins.left + image.width, margins.top + image.height)
    columns = _spans(inner[0], inner[2], width, image.width)
    rows = _spans(inner[1], inner[3], height, image.height)
    for left, right, x0, x1 in columns:
        for top, bottom, y0, y1 in rows:
            part = image.crop((x0, y0, x1, y1))
            canvas.paste(part.resize((right - left, bottom - top), Image.Resampling.NEAREST), (left, top))
    return Raster(canvas)


def extension_mask(size: tuple[int, int], margins: Margins, inner: Raster | None) -> Raster:
    """Returns the mask of an extended image of `size`: white in its margins, and within it where `inner` is white."""
    canvas = Image.new("L", margins.around(size), _WHITE)
    canvas.paste(Image.new("L", size, 0) if inner is None else inner.image, (margins.left, margins.top))
    return Raster(canvas)


def cropped(raster: Raster, size: tuple[int, int]) -> Raster:
    """Returns the largest centered part of the image with the proportions of `size`."""
    width, height = raster.size
    wanted = min(width / size[0], height / size[1])
    part = (max(1, min(width, round(wanted * size[0]))), max(1, min(height, round(wanted * size[1]))))
    left, top = (width - part[0]) // 2, (height - part[1]) // 2
    return Raster(raster.image.crop((left, top, left + part[0], top + part[1])))


def prepared_image(raster: Raster, size: tuple[int, int]) -> Raster:
    """Returns RGB pixels of `size`. Transparent areas become white."""
    image = raster.image
    if raster.has_transparency:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return Raster(_resized(image.convert("RGB"), size))


def prepared_mask(mask: Raster, size: tuple[int, int]) -> Raster:
    """Returns a mask of `size` that is black or white everywhere. `mask` is one of `mask_of` or `extension_mask`."""
    resized = _resized(mask.image, size)
    return Raster(resized.point(lambda value: _WHITE if value >= _HALF else 0))


def input_pixels(raster: Raster, size: tuple[int, int]) -> InputPixels:
    """Returns a prepared image or mask for the engine, in `size`: its own size, unless a model needs another."""
    image = raster.image.convert("RGB") if raster.has_transparency else raster.image
    resized = _resized(image, size)
    return InputPixels(width=size[0], height=size[1], channels=len(resized.mode), pixels=resized.tobytes())


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, resample=Image.Resampling.LANCZOS)


def _spans(inner_start: int, inner_end: int, length: int, inner_length: int) -> Sequence[tuple[int, int, int, int]]:
    """Returns the margin before, the image and the margin after, along one side: (start, end, first and last pixel)."""
    spans = (
        (0, inner_start, 0, 1),
        (inner_start, inner_end, 0, inner_length),
        (inner_end, length, inner_length - 1, inner_length),
    )
    return [span for span in spans if span[1] > span[0]]
