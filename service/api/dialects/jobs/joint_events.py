"""GET /api/v1/events: the events of several jobs in one stream.

A browser opens six connections to a server at most, so a page that follows each job on its own soon waits for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel, StringConstraints

from service.api.dependencies import jobs_of, services_of
from service.api.dialects.jobs.events import EVENT_SCHEMA, RECONNECT_MS, event_body, failure_body
from service.api.edge.addresses import Addresses, addresses_of
from service.api.http.problems import ProblemOut
from service.api.http.sse import HEARTBEAT_S, EventStream, with_silences
from service.errors import DarkroomError
from service.ids import JOB_ID_PATTERN
from service.jobs.following import Told
from service.jobs.watching.event_diff import EventDiff, EventId, parse_event_id, seen_all

_MAX_JOBS: Final = 32

Followed = Annotated[str, StringConstraints(pattern=rf"^{JOB_ID_PATTERN}(@\d{{1,9}}\.\d{{1,9}})?$", max_length=60)]
"""A job's id and, to resume, the id of its last event that was seen."""

Frame: TypeAlias = bytes
Source: TypeAlias = AsyncGenerator[Told, None]

router = APIRouter(
    prefix="/api/v1/events",
    tags=["jobs"],
    responses={status: {"model": ProblemOut} for status in (400, 429, 503)},
)


class JointEvent(BaseModel):
    """The data of an event of a joint stream."""

    job_id: str
    data: dict[str, object]
    """The data that the event has in the stream of its job alone."""


@router.get(
    "",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": EVENT_SCHEMA}}, "description": "The jobs' events"},
        204: {"description": "Each job has ended, and its last event was seen"},
    },
)
async def follow_jobs(
    request: Request,
    job: Annotated[
        list[Followed],
        Query(min_length=1, max_length=_MAX_JOBS, description="A job's id, or ID@EVENT to resume after that event"),
    ],
) -> Response:
    """Server-sent events of several jobs, until all have ended. A job that cannot be followed has an event `failed`."""
    jobs, tenant = jobs_of(request), services_of(request).tenant(request)
    async with contextlib.AsyncExitStack() as stream:
        stream.enter_context(jobs.open_stream(tenant))  # It counts once, however many jobs it follows.
        sources: dict[str, Source] = {}
        for job_id, _, seen in (each.partition("@") for each in job):
            after = parse_event_id(seen)
            if not seen or not await _has_seen_all(request, job_id, after):
                sources[job_id] = jobs.follow(job_id, tenant, EventDiff(after))
        if not sources:
            return Response(status_code=204)
        return EventStream(joint_frames(sources, addresses_of(request)), headers={}, on_end=stream.pop_all().aclose)


async def _has_seen_all(request: Request, job_id: str, seen: EventId) -> bool:
    try:
        view = await jobs_of(request).get(job_id, services_of(request).tenant(request))
    except DarkroomError:
        return False  # Following it fails in the same way, and tells the reader.
    return seen_all(view.record, seen)


async def joint_frames(
    sources: Mapping[str, Source], at: Addresses, *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[Frame, None]:
    """Yields the frames of all jobs as they come, until each source has ended.

    No source is read ahead of the reader, so a slow reader gets only the latest progress and previews.
    """
    yield format_sse_event(retry=RECONNECT_MS)
    merged: asyncio.Queue[Frame | None] = asyncio.Queue(maxsize=1)
    readers = [asyncio.create_task(_read(job_id, source, merged, at)) for job_id, source in sources.items()]
    try:
        async with contextlib.aclosing(with_silences(_until_all_end(merged, len(readers)), heartbeat_s)) as frames:
            async for frame in frames:
                yield KEEPALIVE_COMMENT if frame is None else frame
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _until_all_end(merged: asyncio.Queue[Frame | None], sources: int) -> AsyncGenerator[Frame, None]:
    while sources:
        frame = await merged.get()
        if frame is None:
            sources -= 1
        else:
            yield frame


async def _read(job_id: str, source: Source, merged: asyncio.Queue[Frame | None], at: Addresses) -> None:
    """Puts a job's frames into `merged`, and None after the last."""
    seen = EventId(0, 0)
    async with contextlib.aclosing(source) as events:
        try:
            async for seen, event, view in events:
                await merged.put(_frame(job_id, seen, *event_body(event, view, at)))
        except Exception as error:  # noqa: BLE001 -- the stream has begun: only a frame can tell the reader
            await merged.put(_frame(job_id, seen, "failed", failure_body(error)))
    await merged.put(None)


def _frame(job_id: str, seen: EventId, name: str, body: BaseModel) -> Frame:
    joint = JointEvent(job_id=job_id, data=body.model_dump(mode="json"))
    return format_sse_event(event=name, data_str=joint.model_dump_json(), id=f"{job_id}@{seen}")
