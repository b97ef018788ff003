"""/api/v1/jobs: durable jobs and their events."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from service.api.dependencies import jobs_of, services_of, webhooks_of
from service.api.dialects.jobs.events import EVENT_SCHEMA, frames
from service.api.dialects.jobs.resolve import BODY_RULES, image_size, job_spec, parse_request
from service.api.dialects.jobs.schemas import JobList, JobOut, JobRequest
from service.api.dialects.jobs.serialize import job_list_item, job_out, job_url
from service.api.durable_jobs.pages import job_cursor, read_page
from service.api.durable_jobs.submission import KEY_PATTERN, allowance, idempotency_key, waited
from service.api.edge.addresses import addresses_of
from service.api.generation.inputs import prepare
from service.api.generation.model_names import chosen_model
from service.api.generation.prepared_inputs import PreparedInputs
from service.api.generation.prompt_tokens import truncated_headers
from service.api.http.fields import JobId
from service.api.http.negotiation import NOTHING_PREFERRED, Preference, image_format, preference
from service.api.http.problems import ProblemOut
from service.api.http.request_body import Parsed, body_content
from service.api.http.sse import EventStream
from service.api.stored_images import image_answer
from service.engine.types import Size
from service.images.encoding import ImageFormat
from service.images.storage import EXTENSIONS
from service.jobs.records import JobRecord, JobSpec, Status
from service.jobs.views import JobView
from service.jobs.watching.event_diff import EventDiff, parse_event_id, seen_all
from service.webhooks.types import Webhook

_MAX_PAGE: Final = 100

_LINKS: Final = {
    name: {"operationId": name, "parameters": {"job_id": "$response.body#/id"}}
    for name in ("get_job", "cancel_job", "delete_job", "follow_job")
}
"""OpenAPI links: the operations on a job. The job's `urls` hold the same addresses."""

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
            "description": "The job has ended: after Prefer: wait, or because its key was used before",
            "content": {mime: {} for mime in EXTENSIONS},
            "links": _LINKS,
        },
        202: {"description": "The job is accepted", "links": _LINKS},
        **{status: {"model": ProblemOut} for status in (400, 404, 410, 413, 415, 422, 429)},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": body_content(JobRequest, BODY_RULES, files=("image", "mask")),
        },
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": schema, "description": about}
            for name, schema, about in (
                (
                    "Idempotency-Key",
                    {"type": "string", "pattern": f"^{KEY_PATTERN}$"},
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
    """Accept a job. Once this has answered, the job survives anything short of the loss of the disk."""
    services, jobs = services_of(request), jobs_of(request)
    tenant = services.tenant(request)
    async with services.file_bodies.read(request) as body:
        parsed = parse_request(body.fields, as_text=body.is_form)
        model = chosen_model(parsed.request.model, services.engine)
        webhook = _webhook(request, parsed)
        idempotency = await idempotency_key(request, body.fields)
        accepted = image_format(request.headers.get("accept"))

        def spec_of(upload: Size | None, inputs: PreparedInputs) -> JobSpec:
            size = image_size(parsed, model, upload)
            return job_spec(parsed, model, accepted, size, inputs, services.engine.find_model)

        decoded = await services.inputs.read(parsed.request, model, tenant, parsed.refusal, spec_of)
    upload = None if decoded is None else decoded.size
    inputs = await prepare(decoded, image_size(parsed, model, upload), parsed.request.resize_mode)
    spec = spec_of(upload, inputs)
    preferred = preference(request.headers.get("prefer"))
    view, replayed = await jobs.submit(
        spec,
        tenant=tenant,
        idempotency=idempotency,
        inputs=inputs.files,
        allowance=await allowance(request, inputs.files),
        webhook=webhook,
    )
    structlog.contextvars.bind_contextvars(job_id=view.record.id)
    view, preferred = await _waited(request, view, preferred)
    headers = {"Location": job_url(view.record.id, addresses_of(request))}
    if preferred.applied:
        headers["Preference-Applied"] = preferred.applied
    if replayed:
        headers["Idempotency-Replayed"] = "true"
    if accepted is not None and _is_single_image(view.record, accepted):
        return await _image(request, view.record, headers)
    return _json(job_out(view, addresses_of(request)), 200 if view.record.ended else 202, headers)


@router.get("", response_model=JobList, responses={status: {"model": ProblemOut} for status in (400,)})
async def list_jobs(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 20,
    cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")] = None,
    status: Status | None = None,
) -> Response:
    """The caller's jobs, newest first, with long texts cut."""
    after = None if cursor is None else job_cursor(cursor)
    tenant = services_of(request).tenant(request)
    found, at = jobs_of(request).summaries(tenant, at_most=limit + 1, after=after, status=status), addresses_of(request)
    page = await read_page(found, limit, lambda summary: job_list_item(summary, at).model_dump_json().encode())
    body = b'{"data":%b,"next_cursor":%b}' % (page.items, json.dumps(page.cursor).encode())
    return Response(body, media_type="application/json")


@router.get("/{job_id}")
async def get_job(request: Request, job_id: JobId) -> JobOut:
    view = await jobs_of(request).get(job_id, services_of(request).tenant(request))
    return job_out(view, addresses_of(request))


@router.post("/{job_id}/cancel")
async def cancel_job(request: Request, job_id: JobId) -> JobOut:
    """Cancel the job unless it has ended; the answer shows its status. Finished images stay."""
    view = await jobs_of(request).cancel(job_id, services_of(request).tenant(request))
    return job_out(view, addresses_of(request))


@router.delete("/{job_id}", status_code=204)
async def delete_job(request: Request, job_id: JobId) -> Response:
    """Cancel the job unless it has ended, and delete its record and its images."""
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

    The stream begins with the job's present state, or after the event of Last-Event-ID. If the server stops before the
    job has ended, `closing` is the last event: another connection goes on after it.
    """
    jobs, tenant = jobs_of(request), services_of(request).tenant(request)
    seen = parse_event_id(request.headers.get("last-event-id"))
    view = await jobs.get(job_id, tenant)
    if seen_all(view.record, seen):
        return Response(status_code=204)
    async with contextlib.AsyncExitStack() as stream:
        stream.enter_context(jobs.open_stream(tenant))
        events = await stream.enter_async_context(contextlib.aclosing(jobs.follow(job_id, tenant, EventDiff(seen))))
        first = await anext(events)  # An error at the start is an HTTP error, not an event.
        return EventStream(frames(first, events, addresses_of(request)), headers={}, on_end=stream.pop_all().aclose)


def _webhook(request: Request, parsed: Parsed[JobRequest]) -> Webhook | None:
    """Raises `UnprocessableError` for an address to which the server sends nothing."""
    asked = parsed.request.webhook
    if asked is None:
        return None
    try:
        webhooks_of(request).check_url(asked.url)
    except ValueError as error:
        raise parsed.refusal("webhook", f"Its url {error}.") from None
    events = tuple(dict.fromkeys(asked.events))
    return Webhook(asked.url, events, format="jobs", base_url=addresses_of(request).url(""))


async def _waited(request: Request, view: JobView, preferred: Preference) -> tuple[JobView, Preference]:
    """Waits as the caller preferred. Returns the job, and the preference that was applied."""
    if not preferred.wait_s:
        return view, preferred
    after = await waited(request, view, preferred.wait_s)
    return (view, NOTHING_PREFERRED) if after is None else (after, preferred)


def _is_single_image(record: JobRecord, image_format: ImageFormat) -> bool:
    """Whether the job has succeeded with exactly one image, of that format."""
    formats = [image.media_type for image in record.images]
    return record.status is Status.SUCCEEDED and formats == [f"image/{image_format}"]


async def _image(request: Request, record: JobRecord, headers: dict[str, str]) -> Response:
    """Answers with the job's only image."""
    answer = await image_answer(request, jobs_of(request).images, record.id, record.images[0])
    seed = {"X-Seed": str(record.spec.images[0].params.seed)}
    answer.headers.update({**headers, **seed, **truncated_headers([record.images[0].prompt_lengths])})
    return answer


def _json(body: BaseModel, status: int, headers: dict[str, str]) -> Response:
    return Response(body.model_dump_json(), status, headers, "application/json")
