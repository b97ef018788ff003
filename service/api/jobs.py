"""/api/v1/jobs: durable jobs, their events and their pictures."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import re
import time
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel

from service.api.body import read_json_object
from service.api.job_answers import failure_out, image_out, job_out, job_url, preview_event, progress_event
from service.api.job_plan import job_spec
from service.api.job_schemas import (
    FailureOut,
    JobList,
    JobOut,
    JobRequest,
    LinkOut,
    LinkRequest,
    ProblemOut,
    StatusEvent,
    parse_body,
)
from service.api.pictures import picture_answer, thumbnail_answer
from service.api.preferences import image_format, preference
from service.api.services import jobs_of, services_of
from service.api.sse import EventStream, with_silences
from service.errors import DarkroomError, GoneError, InvalidRequestError, NotFoundError
from service.images.encoding import ImageFormat
from service.jobs.following import (
    Differences,
    EndNews,
    EventId,
    FailureNews,
    JobNews,
    PictureNews,
    PreviewNews,
    ProgressNews,
    StatusNews,
    parse_event_id,
    seen_all,
)
from service.jobs.records import JobRecord, Status
from service.jobs.service import JobView
from service.jobs.store import Cursor

_HEARTBEAT_S: Final = 15.0
_RECONNECT_MS: Final = 2000
_KEY_LIFETIME_S: Final = 86400.0
_MAX_KEY_CHARS: Final = 255
_MAX_PAGE: Final = 100

_log = structlog.get_logger("darkroom.api")

JobId = Annotated[str, Path(pattern="^job_[a-z2-7]{26}$")]
Index = Annotated[int, Path(ge=0, le=999)]

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
        200: {"model": JobOut, "description": "With Prefer: wait, the job has ended"},
        **{status: {"model": ProblemOut} for status in (400, 404, 410, 413, 415, 422, 429)},
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": JobRequest.model_json_schema()}}},
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": about}
            for name, about in {
                "Idempotency-Key": "The same key again gives the same job, for 24 hours and as long as it is kept",
                "Prefer": "wait=N: answer when the job has ended, after N seconds at the latest; respond-async",
            }.items()
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
    key = _idempotency_key(request)
    view, replayed = await jobs.submit(
        spec,
        tenant=services.tenant(request),
        fingerprint=None if key is None else (key, _fingerprint(fields)),
        key_lifetime_s=_KEY_LIFETIME_S,
    )
    structlog.contextvars.bind_contextvars(job_id=view.record.id)
    if preferred.wait_s:
        view = await jobs.wait(view.record.id, view.record.tenant, preferred.wait_s)
    headers = {"Location": job_url(view.record.id)}
    if preferred.applied:
        headers["Preference-Applied"] = preferred.applied
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    if accepted is not None and _is_one_picture(view.record, accepted):
        return await _picture(request, view.record, headers)
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
    """End the job, unless it has ended already: the answer tells which. Pictures that are finished stay."""
    return job_out(await jobs_of(request).cancel(job_id, services_of(request).tenant(request)))


@router.delete("/{job_id}", status_code=204)
async def delete_job(request: Request, job_id: JobId) -> Response:
    """Cancel the job if it has not ended, and delete its record and its pictures."""
    await jobs_of(request).delete(job_id, services_of(request).tenant(request))
    return Response(status_code=204)


@router.get(
    "/{job_id}/events",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The job's events"},
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
    news = jobs.follow(job_id, tenant, Differences(seen))
    return EventStream(_frames(news), headers={}, on_end=lambda: None)


@router.get(
    "/{job_id}/images/{index}",
    response_class=Response,
    responses={
        200: {"content": {mime: {} for mime in ("image/png", "image/webp", "image/jpeg")}},
        304: {"description": "The picture of If-None-Match"},
    },
)
async def get_image(request: Request, job_id: JobId, index: Index) -> Response:
    """The picture's file. It never changes: its ETag is its SHA-256."""
    stored, data = await jobs_of(request).picture(job_id, index, services_of(request).tenant(request))
    return picture_answer(request, stored, data)


@router.get(
    "/{job_id}/images/{index}/thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, 304: {"description": "The thumbnail of If-None-Match"}},
)
async def get_thumbnail(request: Request, job_id: JobId, index: Index) -> Response:
    """The picture as WebP, at most 256 pixels each way."""
    services = services_of(request)
    stored, data = await jobs_of(request).picture(job_id, index, services.tenant(request))
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
    """A link by which anybody may see the picture, until it expires."""
    services, jobs = services_of(request), jobs_of(request)
    body = parse_body(LinkRequest, await read_json_object(request, services.max_body_bytes))
    view = await jobs.get(job_id, services.tenant(request))
    if all(picture.index != index for picture in view.record.pictures):
        raise NotFoundError("There is no such picture.")
    expires_at = int(time.time()) + body.expires_in_s
    return LinkOut(
        url=services.absolute(request, services.links.path(job_id, index, expires_at)),
        expires_at=datetime.fromtimestamp(expires_at, UTC),
    )


def _is_one_picture(record: JobRecord, image_format: ImageFormat) -> bool:
    """Whether the job has ended as a picture of that format and nothing else."""
    formats = [picture.media_type for picture in record.pictures]
    return record.status is Status.SUCCEEDED and formats == [f"image/{image_format}"]


async def _picture(request: Request, record: JobRecord, headers: dict[str, str]) -> Response:
    """The only picture as the whole answer."""
    stored, data = await jobs_of(request).picture(record.id, 0, record.tenant)
    answer = picture_answer(request, stored, data)
    answer.headers.update({**headers, "X-Seed": str(record.spec.pictures[0].params.seed)})
    return answer


def _json(body: BaseModel, status: int, headers: dict[str, str]) -> Response:
    return Response(body.model_dump_json(), status, headers, "application/json")


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _MAX_KEY_CHARS and key.isprintable()):
        raise InvalidRequestError(f"An Idempotency-Key has 1 to {_MAX_KEY_CHARS} printable characters.")
    return key


def _fingerprint(fields: dict[str, Any]) -> str:
    """Of the body as it was sent, before anything is drawn by lot; the order of fields does not matter."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _encode_cursor(record: JobRecord) -> str:
    return base64.urlsafe_b64encode(f"{record.created_at!r} {record.id}".encode()).decode().rstrip("=")


def _decode_cursor(text: str) -> Cursor:
    with contextlib.suppress(ValueError, binascii.Error):
        created_at, job_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").split(" ")
        if re.fullmatch(r"job_[a-z2-7]{26}", job_id):
            return Cursor(float(created_at), job_id)
    raise InvalidRequestError("The cursor is none of this server's.", field="cursor")


async def _frames(news: AsyncGenerator[tuple[EventId, JobNews, JobView], None]) -> AsyncGenerator[bytes, None]:
    yield format_sse_event(retry=_RECONNECT_MS)
    try:
        async with contextlib.aclosing(news), contextlib.aclosing(with_silences(news, _HEARTBEAT_S)) as events:
            async for event in events:
                yield KEEPALIVE_COMMENT if event is None else _frame(*event)
    except NotFoundError:
        yield _failure_frame(GoneError("The job was deleted."))
    except DarkroomError as error:
        yield _failure_frame(error)
    except Exception:  # noqa: BLE001 -- the stream has begun: this frame is the only way to tell
        _log.exception("unforeseen error in a stream")
        yield _failure_frame(DarkroomError())


def _frame(event_id: EventId, news: JobNews, view: JobView) -> bytes:
    name, body = _event(news, view)
    return format_sse_event(event=name, data_str=body.model_dump_json(), id=str(event_id))


def _event(news: JobNews, view: JobView) -> tuple[str, BaseModel]:
    match news:
        case StatusNews():
            return "status", StatusEvent(status=news.status)
        case ProgressNews():
            return "progress", progress_event(news)
        case PreviewNews():
            return "preview", preview_event(news.preview)
        case PictureNews():
            return "image", image_out(view.record, news.picture)
        case FailureNews():
            return "failed", failure_out(view.record)
        case EndNews():
            return "done", job_out(view)


def _failure_frame(error: DarkroomError) -> bytes:
    failure = FailureOut(code=error.code, message=error.message, field=error.field)
    return format_sse_event(event="failed", data_str=failure.model_dump_json())
