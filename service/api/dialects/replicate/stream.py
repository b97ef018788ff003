"""GET /replicate/v1/predictions/{id}/stream: a prediction as server-sent events of Replicate's kinds."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from service.api.dependencies import jobs_of, services_of
from service.api.dialects.replicate.outputs import outputs
from service.api.dialects.replicate.serialize import ROOT, progress_line, stream_path
from service.api.http.fields import WHOLE_NUMBER, JobId
from service.api.http.problems import ProblemOut
from service.api.http.sse import HEARTBEAT_S, EventStream, event_schema, with_silences
from service.errors import DarkroomError
from service.jobs.following import Told
from service.jobs.records import Status
from service.jobs.views import JobView
from service.jobs.watching.event_diff import (
    EventDiff,
    ImageStored,
    JobEnded,
    JobFailed,
    ProgressMade,
    StreamClosing,
    parse_event_id,
    seen_all,
)

_REASONS: Final = {Status.FAILED: {"reason": "error"}, Status.CANCELED: {"reason": "canceled"}}
_EVENTS: Final = event_schema(["output", "logs", "error", "done"], required=["event", "id", "data"])

router = APIRouter(prefix=ROOT, tags=["replicate"])


@router.get(
    "/predictions/{job_id}/stream",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": _EVENTS}}, "description": "The prediction's events"},
        204: {"description": "The event of Last-Event-ID was the last"},
        **{status: {"model": ProblemOut} for status in (400, 404, 429, 503)},
    },
)
async def stream_prediction(
    request: Request,
    job_id: JobId,
    expires: Annotated[int, Query(ge=0, le=2**53), WHOLE_NUMBER] = 0,
    signature: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Server-sent events until the prediction has ended: output, an image each; logs; error; done.

    `urls.stream` has a signature, which stands for the key: Replicate's JavaScript client sends none here.
    """
    jobs, seen = jobs_of(request), parse_event_id(request.headers.get("last-event-id"))
    view = await _found(request, job_id, expires, signature)
    if seen_all(view.record, seen):
        return Response(status_code=204)
    tenant = view.record.tenant
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(jobs.open_stream(tenant))
        news = await stack.enter_async_context(contextlib.aclosing(jobs.follow(job_id, tenant, EventDiff(seen))))
        return EventStream(frames(request, news), headers={}, on_end=stack.pop_all().aclose)


async def _found(request: Request, job_id: str, expires: int, signature: str) -> JobView:
    services = services_of(request)
    if services.links.opens(stream_path(job_id), expires, signature, now=time.time()):
        return await jobs_of(request).get(job_id, None)
    return await jobs_of(request).get(job_id, services.tenant(request))


async def frames(
    request: Request, news: AsyncGenerator[Told, None], *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[bytes, None]:
    """Yields what the clients know of the job's events, and a comment after every `heartbeat_s` of silence."""
    seen = ""
    try:
        async with contextlib.aclosing(with_silences(news, heartbeat_s)) as events:
            async for event in events:
                if event is None:
                    yield KEEPALIVE_COMMENT
                    continue
                seen = str(event[0])
                for name, data in await _told(request, event):
                    yield format_sse_event(event=name, data_str=data, id=seen)
    except DarkroomError as error:
        yield format_sse_event(event="error", data_str=error.message, id=seen)


async def _told(request: Request, told: Told) -> list[tuple[str, str]]:
    """The names and the data of the events of one event of the job."""
    _, event, view = told
    match event:
        case ProgressMade():
            return [("logs", f"{progress_line(event.progress)}\n")]
        case ImageStored():
            return [("output", address) for address in await outputs(request, view.record, [event.image])]
        case JobFailed():
            return [("error", event.failure.message)]
        case JobEnded():
            return [("done", json.dumps(_REASONS.get(view.record.status, {})))]
        case StreamClosing():
            return [("error", "The server is shutting down. The prediction goes on.")]
        case _:
            return []
