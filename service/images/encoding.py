"""Encodes raw pixels as PNG, WebP and JPEG files in a bounded pool of threads. Knows no HTTP and no engine."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from PIL import Image

from pipelines.interface import RgbImage
from service.images.metadata import jpeg_options, png_options, webp_options

ImageFormat: TypeAlias = Literal["png", "webp", "jpeg"]

THUMBNAIL_SIDE: Final = 256
"""Maximum width and height of a thumbnail in pixels."""
_JPEG_QUALITY: Final = 95
_THUMBNAIL_QUALITY: Final = 80
_METADATA: Final = {"png": png_options, "webp": webp_options, "jpeg": jpeg_options}


def encode(
    rgb_image: RgbImage,
    image_format: ImageFormat,
    *,
    quality: int | None = None,
    size: tuple[int, int] | None = None,
    parameters: str | None = None,
) -> bytes:
    """Returns the bytes of an image file. Its metadata tell that a model made the image.

    `quality` is 0 to 100 and applies to WebP and JPEG; WebP is lossless at 100 and without a quality. `size` is a width
    and height in pixels to which the image is resized first: previews are often small. `parameters` is the text of
    `metadata.parameters_text`, to be embedded in the file.
    """
    image = Image.frombytes("RGB", (rgb_image.width, rgb_image.height), rgb_image.pixels)
    if size is not None and size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, format=image_format, **_options(image_format, quality), **_METADATA[image_format](parameters))
    return file.getvalue()


def _options(image_format: ImageFormat, quality: int | None) -> dict[str, Any]:
    if image_format == "png":
        return {"compress_level": 1}
    if image_format == "webp":
        if quality is None or quality == 100:
            return {"lossless": True, "method": 0}
        return {"quality": quality}
    # 4:4:4, since subsampled chroma blurs the edges of flat colors.
    return {"quality": _JPEG_QUALITY if quality is None else quality, "subsampling": 0}


def thumbnail(file: bytes) -> bytes:
    """Returns a WebP of at most `THUMBNAIL_SIDE` pixels a side, with the same mark, made from a file of `encode`."""
    with Image.open(io.BytesIO(file), formats=("PNG", "WEBP", "JPEG")) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    result = io.BytesIO()
    small.save(result, format="webp", quality=_THUMBNAIL_QUALITY, **webp_options(None))
    return result.getvalue()


class Encoder:
    """Encodes off the event loop, at most `threads` images at a time."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")

    async def encode(
        self,
        rgb_image: RgbImage,
        image_format: ImageFormat,
        *,
        quality: int | None = None,
        size: tuple[int, int] | None = None,
        parameters: str | None = None,
    ) -> bytes:
        """Runs the function `encode` in a thread."""
        work = partial(encode, rgb_image, image_format, quality=quality, size=size, parameters=parameters)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def thumbnail(self, file: bytes) -> bytes:
        """Runs the function `thumbnail` in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, thumbnail, file)

    def close(self) -> None:
        """Discards work that has not started. The threads end when they are idle."""
        self._pool.shutdown(wait=False, cancel_futures=True)
