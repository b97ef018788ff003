"""Answers that are stored images: caching, content types, and the signed links that work without a key."""

from __future__ import annotations

import time
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from service.api.dependencies import jobs_of, services_of
from service.api.http.fields import WHOLE_NUMBER, ImageIndex, JobId
from service.api.http.problems import ProblemOut
from service.errors import NotFoundError
from service.images.encoding import Encoder
from service.images.storage import EXTENSIONS
from service.jobs.records import StoredImage

_FOR_EVER: Final = "private, max-age=31536000, immutable"

router = APIRouter(prefix="/shared", tags=["jobs"], responses={404: {"model": ProblemOut}, 503: {"model": ProblemOut}})


@router.head("/{job_id}/{index}", include_in_schema=False)
@router.get(
    "/{job_id}/{index}",
    response_class=Response,
    responses={
        200: {"content": {mime: {} for mime in EXTENSIONS}},
        304: {"description": "The image of If-None-Match"},
        400: {"model": ProblemOut},
    },
)
async def shared_image(
    request: Request,
    job_id: JobId,
    index: ImageIndex,
    expires: Annotated[int, Query(ge=0, le=2**53), WHOLE_NUMBER],
    signature: Annotated[str, Query(max_length=100)],
) -> Response:
    """The image of a signed link. 404 where the link has expired or its signature is wrong."""
    if not services_of(request).links.holds(job_id, index, expires, signature, now=time.time()):
        raise NotFoundError("There is no such image.")
    stored, data = await jobs_of(request).read_image(job_id, index, None)
    answer = image_answer(request, stored, data)
    answer.headers["Cache-Control"] = f"private, max-age={max(0, expires - int(time.time()))}"
    return answer


def image_answer(request: Request, stored: StoredImage, data: bytes) -> Response:
    """The file, or 304 where the caller has it already."""
    name = f"{stored.index}.{EXTENSIONS[stored.media_type]}"
    return _cached(request, data, stored.media_type, stored.sha256, name)


async def thumbnail_answer(request: Request, encoder: Encoder, stored: StoredImage, data: bytes) -> Response:
    small = await encoder.thumbnail(data)
    return _cached(request, small, "image/webp", f"{stored.sha256}-thumbnail", f"{stored.index}-thumbnail.webp")


def _cached(request: Request, data: bytes, media_type: str, tag: str, name: str) -> Response:
    headers = {
        "ETag": f'"{tag}"',
        "Cache-Control": _FOR_EVER,
        "Content-Disposition": f'inline; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or headers["ETag"] in known:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)
