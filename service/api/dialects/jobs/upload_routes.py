"""/api/v1/uploads: images that later jobs start from, named by their SHA-256."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from service.api.dependencies import jobs_of, services_of
from service.api.dialects.jobs.resolve import BODY_RULES
from service.api.dialects.jobs.schemas import UploadOut, UploadRequest
from service.api.http.fields import utc_time
from service.api.http.problems import ProblemOut
from service.api.http.request_body import body_content, parse
from service.images.inputs.raster import encode_raster
from service.jobs.store.uploads import FOR_JOBS_ALONE, StoredUpload

router = APIRouter(
    prefix="/api/v1/uploads",
    tags=["uploads"],
    responses={status: {"model": ProblemOut} for status in (404, 503)},
)

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]

_LINKS: Final = {
    name: {"operationId": name, "parameters": {"sha256": "$response.body#/sha256"}}
    for name in ("get_upload", "delete_upload")
}


@router.post(
    "",
    status_code=201,
    response_model=UploadOut,
    responses={
        201: {"description": "The image is stored", "links": _LINKS},
        **{status: {"model": ProblemOut} for status in (400, 413, 415, 422, 429)},
    },
    openapi_extra={
        "requestBody": {"required": True, "content": body_content(UploadRequest, BODY_RULES, files=("image",))}
    },
)
async def create_upload(request: Request, response: Response) -> UploadOut:
    """Store an image for later jobs: upright, in sRGB, and without its metadata."""
    services, uploads = services_of(request), jobs_of(request).uploads
    tenant = services.tenant(request)
    await services.require_storage(request)  # Before the image is decoded.
    async with services.file_bodies.read(request) as body:
        parsed = parse(UploadRequest, body.fields, BODY_RULES, as_text=body.is_form)
        async with services.inputs.place(tenant):
            raster = await services.inputs.raster(parsed.request.image, tenant, "image", parsed.refusal)
            file = await asyncio.to_thread(encode_raster, raster)
    await services.require_storage(request, len(file.data))
    upload = await uploads.add(tenant, file)
    response.headers["Location"] = f"{router.prefix}/{upload.sha256}"
    return _upload_out(upload)


@router.get("/{sha256}")
async def get_upload(request: Request, sha256: Digest) -> UploadOut:
    return _upload_out(await jobs_of(request).uploads.find(services_of(request).tenant(request), sha256))


@router.delete("/{sha256}", status_code=204)
async def delete_upload(request: Request, sha256: Digest) -> Response:
    """Delete the upload. Where jobs start from it, it is deleted with the last of them."""
    await jobs_of(request).uploads.delete(services_of(request).tenant(request), sha256)
    return Response(status_code=204)


def _upload_out(upload: StoredUpload) -> UploadOut:
    kept = upload.kept_until != FOR_JOBS_ALONE
    return UploadOut(
        sha256=upload.sha256,
        width=upload.width,
        height=upload.height,
        size_bytes=upload.size_bytes,
        created_at=utc_time(upload.created_at),
        expires_at=utc_time(upload.kept_until) if kept else None,
    )
