"""/api/v1/jobs/{id}/images: a job's finished images, their thumbnails, and links that work without a key."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from service.api.dependencies import jobs_of, services_of
from service.api.dialects.jobs.resolve import BODY_RULES
from service.api.dialects.jobs.schemas import LinkOut, LinkRequest
from service.api.edge.addresses import addresses_of
from service.api.http.fields import ImageIndex, JobId, utc_time
from service.api.http.json_body import read_json_object
from service.api.http.problems import ProblemOut
from service.api.http.request_body import body_schema, parse
from service.api.stored_images import IMAGE_RESPONSES, image_answer, thumbnail_answer

router = APIRouter(
    prefix="/api/v1/jobs",
    tags=["jobs"],
    responses={status: {"model": ProblemOut} for status in (404, 503)},
)


@router.head("/{job_id}/images/{index}", include_in_schema=False)
@router.get(
    "/{job_id}/images/{index}",
    response_class=Response,
    responses=IMAGE_RESPONSES,
)
async def get_image(request: Request, job_id: JobId, index: ImageIndex) -> Response:
    """The image's file, which never changes: its ETag is its SHA-256."""
    images = jobs_of(request).images
    image = await images.find(job_id, index, services_of(request).tenant(request))
    return await image_answer(request, images, job_id, image)


@router.head("/{job_id}/images/{index}/thumbnail", include_in_schema=False)
@router.get(
    "/{job_id}/images/{index}/thumbnail",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {}}},
        206: {"content": {"image/webp": {}}, "description": "The part that Range asks for"},
        304: {"description": "The thumbnail of If-None-Match"},
        416: {"description": "The file ends before the part that Range asks for"},
    },
)
async def get_thumbnail(request: Request, job_id: JobId, index: ImageIndex) -> Response:
    """The image as WebP, at most 256 pixels on each side."""
    services, images = services_of(request), jobs_of(request).images
    image = await images.find(job_id, index, services.tenant(request))
    return await thumbnail_answer(request, images, services.encoder, job_id, image)


@router.post(
    "/{job_id}/images/{index}/links",
    response_model=LinkOut,
    responses={status: {"model": ProblemOut} for status in (400, 413, 415, 422)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body_schema(LinkRequest, BODY_RULES)}},
        }
    },
)
async def create_link(request: Request, job_id: JobId, index: ImageIndex) -> LinkOut:
    """Make a link by which anybody may see the image until the link expires.

    Its file says that a model made the image, and tells how only where that is asked for.
    """
    services = services_of(request)
    fields = await read_json_object(request, services.max_body_bytes)
    asked = parse(LinkRequest, fields, BODY_RULES).request
    image = await jobs_of(request).images.find(job_id, index, services.tenant(request))
    expires_at = int(time.time()) + asked.expires_in_s
    path = services.links.path(
        job_id, index, expires_at, media_type=image.media_type, include_parameters=asked.include_parameters
    )
    return LinkOut(
        url=addresses_of(request).url(path),
        expires_at=utc_time(expires_at),
    )
