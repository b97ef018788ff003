"""Raw pixels to PNG, WebP and JPEG files, in a bounded pool of threads. Knows no HTTP and no engine."""

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
    """The bytes of a file that says that a model made it, as every image's does.

    `quality`, 0 to 100, concerns WebP and JPEG; WebP is lossless at 100 and without it. `size`, width by height in
    pixels, stretches the image first: previews are often small. `parameters`, as `metadata.parameters_text` writes
    them, go into the file.
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
    # 4:4:4: halved chroma smears the edges of flat colours.
    return {"quality": _JPEG_QUALITY if quality is None else quality, "subsampling": 0}


def thumbnail(file: bytes) -> bytes:
    """A file that `encode` wrote as WebP, at most `THUMBNAIL_SIDE` pixels each way, marked as the file is."""
    with Image.open(io.BytesIO(file), formats=("PNG", "WEBP", "JPEG")) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    thumb = io.BytesIO()
    small.save(thumb, format="webp", quality=_THUMBNAIL_QUALITY, **webp_options(None))
    return thumb.getvalue()


class Encoder:
    """`encode` off the event loop, at most `threads` at a time."""

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
        """As the function of that name."""
        work = partial(encode, rgb_image, image_format, quality=quality, size=size, parameters=parameters)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def thumbnail(self, file: bytes) -> bytes:
        """An image's file as a small WebP."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, thumbnail, file)

    def close(self) -> None:
        """Drop what has not begun; the threads end when they are idle."""
        self._pool.shutdown(wait=False, cancel_futures=True)
