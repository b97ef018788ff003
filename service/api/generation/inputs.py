"""Reads and decodes the images that a request starts from, and prepares them at the size of its images."""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from pipelines.model_info import ModelInfo
from pipelines.params import PixelKey
from service.api.generation.input_request import ExtensionRequest, InputRequest, Source, is_digest
from service.api.generation.prepared_inputs import NO_INPUTS, Judge, PreparedInputs, judge_undecoded
from service.api.http.file_body import Places
from service.api.http.form_body import UploadedFile
from service.api.http.request_body import Refuse
from service.engine.types import Size
from service.errors import NotFoundError
from service.images.inputs.decoder import Decoder
from service.images.inputs.decoding import UnreadableImageError
from service.images.inputs.preparation import (
    Margins,
    cropped,
    extended,
    extension_mask,
    input_pixels,
    mask_of,
    prepared_image,
    prepared_mask,
)
from service.images.inputs.raster import Raster, encode_raster
from service.jobs.uploads import Uploads

_DATA_URL: Final = re.compile(r"data:[\w.+/-]{0,100}(?:;[\w=.+-]{0,100})*;base64,", re.ASCII | re.IGNORECASE)
_MAX_WAIT_S: Final = 30.0
_WHITESPACE: Final = {ord(character): None for character in " \t\r\n"}


@dataclass(frozen=True, slots=True)
class DecodedInputs:
    """The image and the mask of a request, at the size of the upload."""

    image: Raster
    mask: Raster | None
    strength: float | None
    """None leaves it to `resolve`."""
    keep_unmasked: bool = False

    @property
    def size(self) -> Size:
        return self.image.size


class InputReader:
    """Reads the images of requests. Knows no dialect: `refuse` makes the errors."""

    def __init__(self, decoder: Decoder, uploads: Uploads | None, *, max_pixels: int, at_a_time: int) -> None:
        """Without `uploads` there are no earlier uploads to name. An extended image may have `max_pixels`, and the
        images of one tenant are decoded for `at_a_time` of its requests: small files may be large images.
        """
        self._decoder = decoder
        self._uploads = uploads
        self._max_pixels = max_pixels
        self._places = Places(2 * at_a_time, max_wait_s=_MAX_WAIT_S, full="Too many images are being decoded.")

    def place(self, tenant: str) -> AbstractAsyncContextManager[None]:
        """Holds a place for whoever calls `raster`, until its pixels are let go of. Entering it raises
        `QueueFullError`.
        """
        return self._places.place(tenant)

    async def read(
        self,
        request: InputRequest,
        model: ModelInfo,
        tenant: str,
        refuse: Refuse,
        judge: Judge,
        *,
        transparency_is_mask: bool = False,
    ) -> DecodedInputs | None:
        """Returns what the request starts from; None where it starts from noise alone.

        `judge` judges everything else in the request, before anything is decoded. With `transparency_is_mask`, what is
        transparent in an image without a mask is repainted. Raises what `refuse` makes, what `judge` raises,
        `QueueFullError` and `StoreUnavailableError`.
        """
        if request.image is None:
            _refuse_without_image(request, refuse)
            return None
        _check_model(request, model, refuse)
        may_be_mask = transparency_is_mask and request.extend is None and "mask" in model.input_kinds
        has_mask = request.mask is not None or bool(_margins(request.extend))
        judge_undecoded(judge, model, mask=has_mask or may_be_mask, strength=request.strength)
        async with self.place(tenant):
            return await self._read(request, model, tenant, refuse, transparency_is_mask=transparency_is_mask)

    async def _read(
        self, request: InputRequest, model: ModelInfo, tenant: str, refuse: Refuse, *, transparency_is_mask: bool
    ) -> DecodedInputs:
        assert request.image is not None, "whoever has a place has an image"
        image = await self.raster(request.image, tenant, "image", refuse)
        mask = None if request.mask is None else await self.raster(request.mask, tenant, "mask", refuse)
        if mask is not None and mask.size != image.size:
            raise refuse("mask", "Must have the size of the image.")
        if (
            mask is None
            and transparency_is_mask
            and request.extend is None
            and image.has_transparency
            and "mask" in model.input_kinds
        ):
            mask = image
        if math.prod(_margins(request.extend).around(image.size)) > self._max_pixels:
            raise refuse("extend", f"Must leave an image of at most {self._max_pixels} pixels.")
        return await asyncio.to_thread(_arranged, request, image, mask)

    async def raster(self, source: Source, tenant: str, name: str, refuse: Refuse) -> Raster:
        """Returns the pixels of one source, for whoever holds a `place`. `name` is the request's field.

        Raises what `refuse` makes.
        """
        if isinstance(source, str) and is_digest(source):
            return await self._upload(source, tenant, name, refuse)
        file = await file_of(source, name, refuse)
        try:
            return await self._decoder.decode(file)
        except UnreadableImageError as error:
            raise refuse(name, str(error)) from None

    async def _upload(self, digest: str, tenant: str, name: str, refuse: Refuse) -> Raster:
        try:
            if self._uploads is not None:
                return await self._uploads.read(tenant, digest)
        except NotFoundError:
            pass
        raise refuse(name, "There is no such upload.")


async def file_of(source: Source, name: str, refuse: Refuse) -> bytes:
    """Returns the file of a source that names no earlier upload. Raises what `refuse` makes."""
    file = source.data if isinstance(source, UploadedFile) else await asyncio.to_thread(_from_text, source)
    if file is None:
        raise refuse(name, "Must be base64 or a data URL of an image. URLs are not fetched.")
    return file


async def prepare(inputs: DecodedInputs | None, size: Size, resize_mode: str) -> PreparedInputs:
    """Brings what a request starts from to `size`."""
    if inputs is None:
        return NO_INPUTS
    return await asyncio.to_thread(_prepared, inputs, size, resize_mode)


def _prepared(inputs: DecodedInputs, size: Size, resize_mode: str) -> PreparedInputs:
    cut = (lambda raster: cropped(raster, size)) if resize_mode == "crop" else (lambda raster: raster)
    rasters = [prepared_image(cut(inputs.image), size)]
    if inputs.mask is not None:
        rasters.append(prepared_mask(cut(inputs.mask), size))
    files = [encode_raster(raster) for raster in rasters]
    digests = [file.sha256 for file in files]
    return PreparedInputs(
        image=digests[0],
        mask=digests[1] if inputs.mask is not None else None,
        strength=inputs.strength,
        keep_unmasked=inputs.keep_unmasked,
        pixels={
            PixelKey(digest, *size): input_pixels(raster, size) for digest, raster in zip(digests, rasters, strict=True)
        },
        files=files,
    )


def _arranged(request: InputRequest, image: Raster, mask: Raster | None) -> DecodedInputs:
    """Extends the image as the request asks, and reads the mask."""
    painted = None if mask is None else mask_of(mask)
    if margins := _margins(request.extend):
        painted = extension_mask(image.size, margins, painted)
        image = extended(image, margins)
    return DecodedInputs(image, painted, request.strength, request.keep_unmasked)


def _margins(extend: ExtensionRequest | None) -> Margins:
    return Margins() if extend is None else Margins(**extend.model_dump())


def _refuse_without_image(request: InputRequest, refuse: Refuse) -> None:
    for name in ("mask", "extend"):
        if getattr(request, name) is not None:
            raise refuse(name, "Needs an image to start from.")


def _check_model(request: InputRequest, model: ModelInfo, refuse: Refuse) -> None:
    """Refuses what the model does not take before anything is decoded."""
    if "image" not in model.input_kinds:
        raise refuse("image", "This model takes no image to start from.")
    if "mask" not in model.input_kinds and (request.mask is not None or _margins(request.extend)):
        raise refuse("extend" if request.mask is None else "mask", "This model takes no mask.")


def _from_text(text: str) -> bytes | None:
    """Returns the bytes of base64 or of a data URL, or None for other text."""
    match = _DATA_URL.match(text)
    try:
        return base64.b64decode(text[match.end() if match else 0 :].translate(_WHITESPACE), validate=True)
    except (binascii.Error, ValueError):
        return None
