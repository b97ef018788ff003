"""Answers that are stored images: caching, content types, and the signed links that work without a key."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response

from service.api.dependencies import is_session, jobs_of, services_of
from service.api.http.fields import WHOLE_NUMBER, ImageFileName, JobId
from service.api.http.problems import ProblemOut
from service.api.ranges import UnsatisfiableRangeError, byte_range
from service.api.signed_urls import EXTENSIONS as LINK_EXTENSIONS
from service.errors import NotFoundError
from service.images.encoding import Encoder
from service.images.sharing import without_parameters
from service.images.storage import EXTENSIONS
from service.jobs.records import StoredImage
from service.jobs.stored_images import StoredImages

IMAGE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {mime: {} for mime in EXTENSIONS}},
    206: {"content": {mime: {} for mime in EXTENSIONS}, "description": "The part that Range asks for"},
    304: {"description": "The image of If-None-Match"},
    416: {"description": "The file ends before the part that Range asks for"},
}
"""The answers that `image_answer` gives, as the schema of a route describes them."""
_FOR_EVER: Final = "private, max-age=31536000, immutable"
_WHILE_SIGNED_IN: Final = "private, no-cache"
"""For images that a session shows: before a browser shows one again, it asks the server whether it still may."""
_CONDITIONAL: Final = ("GET", "HEAD")

router = APIRouter(prefix="/shared", tags=["jobs"], responses={404: {"model": ProblemOut}, 503: {"model": ProblemOut}})


@router.head("/{job_id}/{file}", include_in_schema=False)
@router.get(
    "/{job_id}/{file}",
    response_class=Response,
    responses={**IMAGE_RESPONSES, 400: {"model": ProblemOut}},
)
async def shared_image(
    request: Request,
    job_id: JobId,
    file: ImageFileName,
    expires: Annotated[int, Query(ge=0, le=2**53), WHOLE_NUMBER],
    signature: Annotated[str, Query(max_length=100)],
    parameters: Literal["with"] | None = None,
) -> Response:
    """The image of a signed link. 404 where the link has expired or its signature is wrong.

    The path ends in the image's index and its extension; links of earlier releases have no extension.
    The file holds its generation parameters only where the link was made so.
    """
    links, told = services_of(request).links, parameters is not None
    number, _, extension = file.partition(".")
    index = int(number)
    if not links.holds(job_id, index, expires, signature, include_parameters=told, now=time.time()):
        raise NotFoundError("There is no such image.")
    images = jobs_of(request).images
    image = await images.find(job_id, index, None)
    if extension and extension != LINK_EXTENSIONS[image.media_type]:
        raise NotFoundError("There is no such image.")
    answer = await (image_answer if told else _discreet_answer)(request, images, job_id, image)
    answer.headers["Cache-Control"] = f"private, max-age={max(0, expires - int(time.time()))}"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # A link is made to be shown elsewhere.
    return answer


@dataclass(frozen=True, slots=True)
class _File:
    """A file that never changes. Its size and its bytes are read only where the answer needs them."""

    tag: str
    media_type: str
    name: str
    size_bytes: Callable[[], Awaitable[int | None]]
    """Returns the size, or None where it is not known yet."""
    read: Callable[[], Awaitable[bytes]]


async def image_answer(request: Request, images: StoredImages, job_id: str, image: StoredImage) -> Response:
    """Answers with the file, or 304 where the caller has it already."""

    async def size_bytes() -> int:
        return image.size_bytes

    file = _File(image.sha256, image.media_type, _name(job_id, image), size_bytes, lambda: images.read(job_id, image))
    return await _answer(request, file)


async def _discreet_answer(request: Request, images: StoredImages, job_id: str, image: StoredImage) -> Response:
    """Answers like `image_answer`, with a file from which the generation parameters are removed."""

    async def read() -> bytes:
        return without_parameters(await images.read(job_id, image), image.media_type)

    async def size_bytes() -> int:
        return len(await read())

    tag = f"{image.sha256}-without-parameters"
    return await _answer(request, _File(tag, image.media_type, _name(job_id, image), size_bytes, read))


def _name(job_id: str, image: StoredImage) -> str:
    return f"{job_id}-{image.index}.{EXTENSIONS[image.media_type]}"


async def thumbnail_answer(
    request: Request, images: StoredImages, encoder: Encoder, job_id: str, image: StoredImage
) -> Response:
    """Answers with the thumbnail, or 304 where the caller has it already."""
    file = _File(
        f"{image.sha256}-thumbnail",
        "image/webp",
        f"{job_id}-{image.index}-thumbnail.webp",
        lambda: images.thumbnail_size_bytes(job_id, image),
        lambda: images.thumbnail(job_id, image, encoder),
    )
    return await _answer(request, file)


async def _answer(request: Request, file: _File) -> Response:
    headers = {
        "ETag": f'"{file.tag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": _WHILE_SIGNED_IN if is_session(request) else _FOR_EVER,
        "Content-Disposition": f'inline; filename="{file.name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if request.method in _CONDITIONAL and ("*" in known or headers["ETag"] in known):
        return Response(status_code=304, headers=headers)
    if request.method != "HEAD":
        return _whole_or_part(request, await file.read(), file.media_type, headers)
    answer, size_bytes = Response(media_type=file.media_type, headers=headers), await file.size_bytes()
    del answer.headers["content-length"]  # It is that of the empty body.
    if size_bytes is not None:
        answer.headers["content-length"] = str(size_bytes)
    return answer


def _whole_or_part(request: Request, data: bytes, media_type: str, headers: dict[str, str]) -> Response:
    asked = request.headers.get("range") if request.method == "GET" else None
    try:
        part = byte_range(asked, request.headers.get("if-range"), headers["ETag"], len(data))
    except UnsatisfiableRangeError:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    if part is None:
        return Response(data, media_type=media_type, headers=headers)
    headers = {**headers, "Content-Range": f"bytes {part.start}-{part.stop - 1}/{len(data)}"}
    return Response(data[part.start : part.stop], 206, headers, media_type)
