"""/replicate/v1/files: uploads under Replicate's names. Its clients upload the files of an input before its request."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from service.api.dependencies import jobs_of, services_of
from service.api.dialects.replicate.outputs import links_of
from service.api.dialects.replicate.resolve import ENVELOPE_RULES
from service.api.dialects.replicate.schemas import FileOut, FileRequest, FileUrls
from service.api.dialects.replicate.serialize import ROOT
from service.api.http.fields import utc_time
from service.api.http.problems import ProblemOut
from service.api.http.request_body import body_content, parse
from service.images.inputs.raster import encode_raster
from service.jobs.store.uploads import FOR_JOBS_ALONE, StoredUpload

router = APIRouter(
    prefix=f"{ROOT}/files", tags=["replicate"], responses={status: {"model": ProblemOut} for status in (404, 503)}
)

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]


@router.post(
    "",
    status_code=201,
    response_model=FileOut,
    responses={status: {"model": ProblemOut} for status in (400, 413, 415, 422, 429)},
    openapi_extra={
        "requestBody": {"required": True, "content": body_content(FileRequest, ENVELOPE_RULES, files=("content",))}
    },
)
async def create_file(request: Request) -> FileOut:
    """Store an image for later predictions: upright, in sRGB, and without its metadata."""
    services, uploads = services_of(request), jobs_of(request).uploads
    tenant = services.tenant(request)
    await services.require_storage(request)  # Before the image is decoded.
    async with services.file_bodies.read(request) as body:
        parsed = parse(FileRequest, body.fields, ENVELOPE_RULES, as_text=body.is_form)
        async with services.inputs.place(tenant):
            raster = await services.inputs.raster(parsed.request.content, tenant, "content", parsed.refusal)
            file = await asyncio.to_thread(encode_raster, raster)
    await services.require_storage(request, len(file.data))
    return _file_out(request, await uploads.add(tenant, file))


@router.get("/{sha256}")
async def get_file(request: Request, sha256: Digest) -> FileOut:
    return _file_out(request, await jobs_of(request).uploads.find(services_of(request).tenant(request), sha256))


@router.delete("/{sha256}", status_code=204)
async def delete_file(request: Request, sha256: Digest) -> Response:
    """Delete the file. Where predictions start from it, it is deleted with the last of them."""
    await jobs_of(request).uploads.delete(services_of(request).tenant(request), sha256)
    return Response(status_code=204)


def _file_out(request: Request, upload: StoredUpload) -> FileOut:
    kept = upload.kept_until != FOR_JOBS_ALONE
    return FileOut(
        id=upload.sha256,
        name=f"{upload.sha256}.png",
        content_type="image/png",
        size=upload.size_bytes,
        etag=upload.sha256,
        checksums={"sha256": upload.sha256},
        metadata={},
        created_at=utc_time(upload.created_at),
        expires_at=utc_time(upload.kept_until) if kept else None,
        urls=FileUrls(get=links_of(request).at.url(f"{router.prefix}/{upload.sha256}")),
    )
