"""/api/v1/jobs: durable jobs, their events and their images."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from service.api.dependencies import jobs_of, services_of, unless_gone
from service.api.dialects.jobs.events import EVENT_SCHEMA, frames
from service.api.dialects.jobs.resolve import job_spec
from service.api.dialects.jobs.schemas import JobList, JobOut, JobRequest, LinkOut, LinkRequest, parse_body
from service.api.dialects.jobs.serialize import job_out, job_url
from service.api.http.fields import ONE_SPELLING
from service.api.http.json_body import read_json_object
from service.api.http.negotiation import NOTHING_PREFERRED, Preference, image_format, preference
from service.api.http.problems import ProblemOut
from service.api.http.sse import EventStream
from service.api.stored_images import image_answer, thumbnail_answer
from service.errors import InvalidRequestError, NotFoundError, QueueFullError, StoreUnavailableError
from service.ids import JOB_ID_PATTERN, is_job_id
from service.images.encoding import ImageFormat
from service.images.storage import EXTENSIONS
from service.jobs.records import JobRecord, Status
from service.jobs.service import JobView
from service.jobs.store.repository import Cursor, IdempotencyKey
from service.jobs.watching.event_diff import EventDiff, parse_event_id, seen_all

_KEY_LIFETIME_S: Final = 86400.0
_KEY: Final = "[ -~]{1,255}"
_MAX_PAGE: Final = 100

JobId = Annotated[str, Path(pattern=f"^{JOB_ID_PATTERN}$")]
Index = Annotated[int, Path(ge=0, le=999), ONE_SPELLING]

_LINKS: Final = {
    name: {"operationId": name, "parameters": {"job_id": "$response.body#/id"}}
    for name in ("get_job", "cancel_job", "delete_job", "follow_job")
}
"""What can be done with a job, as OpenAPI tells it; the job's own `urls` tell the same."""

router = APIRouter(
    prefix="/api/v1/jobs",
    tags=["jobs"],
    responses={status: {"model": ProblemOut} for status in (404, 503)},
)


@router.post(
    "",
    status_code=202,
    response_model=JobOut,
    responses={
        200: {
            "model": JobOut,
            "description": "The job has ended: with Prefer: wait, or as its key was used before",
            "content": {mime: {} for mime in EXTENSIONS},
            "links": _LINKS,
        },
        202: {"description": "The job is accepted", "links": _LINKS},
        **{status: {"model": ProblemOut} for status in (400, 404, 410, 413, 415, 422, 429)},
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": JobRequest.model_json_schema()}}},
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": schema, "description": about}
            for name, schema, about in (
                (
                    "Idempotency-Key",
                    {"type": "string", "pattern": f"^{_KEY}$"},
                    "The same key again gives the same job, for 24 hours and as long as it is kept",
                ),
                (
                    "Prefer",
                    {"type": "string"},
                    "wait=N: answer when the job has ended, after N seconds at the latest; respond-async",
                ),
            )
        ],
    },
)
async def create_job(request: Request) -> Response:
    """Accept a job. Once this has answered, the job survives whatever does not destroy the disk."""
    services, jobs = services_of(request), jobs_of(request)
    fields = await read_json_object(request, services.max_body_bytes)
    accepted = image_format(request.headers.get("accept"))
    spec = job_spec(parse_body(JobRequest, fields), services.engine.model, accepted)
    preferred = preference(request.headers.get("prefer"))
    idempotency = _idempotency_key(request, fields)
    view, replayed = await jobs.submit(spec, tenant=services.tenant(request), idempotency=idempotency)
    structlog.contextvars.bind_contextvars(job_id=view.record.id)
    view, preferred = await _waited(request, view, preferred)
    headers = {"Location": job_url(view.record.id)}
    if preferred.applied:
        headers["Preference-Applied"] = preferred.applied
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    if accepted is not None and _is_one_image(view.record, accepted):
        return await _image(request, view.record, headers)
    return _json(job_out(view), 200 if view.record.ended else 202, headers)


@router.get("", responses={status: {"model": ProblemOut} for status in (400,)})
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 20,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")] = None,
    status: Status | None = None,
) -> JobList:
    """The caller's jobs, newest first."""
    after = None if cursor is None else _decode_cursor(cursor)
    tenant = services_of(request).tenant(request)
    views = await jobs_of(request).page(tenant, limit=limit + 1, after=after, status=status)
    page = views[:limit]
    more = len(views) > limit
    return JobList(data=[job_out(view) for view in page], next_cursor=_encode_cursor(page[-1].record) if more else None)


@router.get("/{job_id}")
async def get_job(request: Request, job_id: JobId) -> JobOut:
    return job_out(await jobs_of(request).get(job_id, services_of(request).tenant(request)))


@router.post("/{job_id}/cancel")
async def cancel_job(request: Request, job_id: JobId) -> JobOut:
    """End the job, unless it has ended already: the answer tells which. Images that are finished stay."""
    return job_out(await jobs_of(request).cancel(job_id, services_of(request).tenant(request)))


@router.delete("/{job_id}", status_code=204)
async def delete_job(request: Request, job_id: JobId) -> Response:
    """Cancel the job if it has not ended, and delete its record and its images."""
    await jobs_of(request).delete(job_id, services_of(request).tenant(request))
    return Response(status_code=204)


@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": EVENT_SCHEMA}}, "description": "The job's events"},
        204: {"description": "The event of Last-Event-ID was the last"},
        429: {"model": ProblemOut},
    },
    openapi_extra={
        "parameters": [{"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}}]
    },
)
async def follow_job(request: Request, job_id: JobId) -> Response:
    """Server-sent events until the job has ended: status, progress, preview, image, failed, done.

    It begins with how things stand, or behind Last-Event-ID.
    """
    jobs, tenant = jobs_of(request), services_of(request).tenant(request)
    seen = parse_event_id(request.headers.get("last-event-id"))
    view = await jobs.get(job_id, tenant)
    if seen_all(view.record, seen):
        return Response(status_code=204)
    news = jobs.follow(job_id, tenant, EventDiff(seen))
    first = await anext(news)  # What forbids to follow the job is an answer of its own, and no event.
    return EventStream(frames(first, news), headers={}, on_end=news.aclose)


@router.head("/{job_id}/images/{index}", include_in_schema=False)
@router.get(
    "/{job_id}/images/{index}",
    response_class=Response,
    responses={
        200: {"content": {mime: {} for mime in EXTENSIONS}},
        304: {"description": "The image of If-None-Match"},
    },
)
async def get_image(request: Request, job_id: JobId, index: Index) -> Response:
    """The image's file. It never changes: its ETag is its SHA-256."""
    stored, data = await jobs_of(request).read_image(job_id, index, services_of(request).tenant(request))
    return image_answer(request, stored, data)


@router.head("/{job_id}/images/{index}/thumbnail", include_in_schema=False)
@router.get(
    "/{job_id}/images/{index}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, 304: {"description": "The thumbnail of If-None-Match"}},
)
async def get_thumbnail(request: Request, job_id: JobId, index: Index) -> Response:
    """The image as WebP, at most 256 pixels each way."""
    services = services_of(request)
    stored, data = await jobs_of(request).read_image(job_id, index, services.tenant(request))
    return await thumbnail_answer(request, services.encoder, stored, data)


@router.post(
    "/{job_id}/images/{index}/links",
    response_model=LinkOut,
    responses={status: {"model": ProblemOut} for status in (400, 413, 415, 422)},
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": LinkRequest.model_json_schema()}}}
    },
)
async def create_link(request: Request, job_id: JobId, index: Index) -> LinkOut:
    """A link by which anybody may see the image, until it expires."""
    services, jobs = services_of(request), jobs_of(request)
    body = parse_body(LinkRequest, await read_json_object(request, services.max_body_bytes))
    view = await jobs.get(job_id, services.tenant(request))
    if all(image.index != index for image in view.record.images):
        raise NotFoundError("There is no such image.")
    expires_at = int(time.time()) + body.expires_in_s
    return LinkOut(
        url=services.absolute(request, services.links.path(job_id, index, expires_at)),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
    )


async def _waited(request: Request, view: JobView, preferred: Preference) -> tuple[JobView, Preference]:
    """The job after the wait that was preferred, and what of that was done.

    That the job was accepted is told in any case: an error here would have it sent again.
    """
    if not preferred.wait_s:
        return view, preferred
    waiting = jobs_of(request).wait(view.record.id, view.record.tenant, preferred.wait_s)
    try:
        return await unless_gone(request, waiting), preferred
    except (QueueFullError, StoreUnavailableError):
        return view, NOTHING_PREFERRED


def _is_one_image(record: JobRecord, image_format: ImageFormat) -> bool:
    """Whether the job has ended as an image of that format and nothing else."""
    formats = [image.media_type for image in record.images]
    return record.status is Status.SUCCEEDED and formats == [f"image/{image_format}"]


async def _image(request: Request, record: JobRecord, headers: dict[str, str]) -> Response:
    """The only image as the whole answer."""
    stored, data = await jobs_of(request).read_image(record.id, 0, record.tenant)
    answer = image_answer(request, stored, data)
    answer.headers.update({**headers, "X-Seed": str(record.spec.images[0].params.seed)})
    return answer


def _json(body: BaseModel, status: int, headers: dict[str, str]) -> Response:
    return Response(body.model_dump_json(), status, headers, "application/json")


def _idempotency_key(request: Request, fields: dict[str, Any]) -> IdempotencyKey | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not re.fullmatch(_KEY, key):
        raise InvalidRequestError("An Idempotency-Key has 1 to 255 printable ASCII characters.")
    return IdempotencyKey(key, _fingerprint(fields), _KEY_LIFETIME_S)


def _fingerprint(fields: dict[str, Any]) -> str:
    """Of the body as it was sent, before anything is drawn by lot; the order of fields does not matter."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _encode_cursor(record: JobRecord) -> str:
    return base64.urlsafe_b64encode(f"{record.created_at!r} {record.id}".encode()).decode().rstrip("=")


def _decode_cursor(text: str) -> Cursor:
    with contextlib.suppress(ValueError, binascii.Error):
        created_at, job_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
        if is_job_id(job_id):
            return Cursor(float(created_at), job_id)
    raise InvalidRequestError("The cursor is none of this server's.", field="cursor")
