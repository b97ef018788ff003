"""A job's events as server-sent events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Final

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel

from service.api.dialects.jobs.schemas import ClosingEvent, FailureOut, StatusEvent
from service.api.dialects.jobs.serialize import failure_out, image_out, job_out, preview_event, progress_event
from service.api.edge.addresses import Addresses
from service.api.http.sse import HEARTBEAT_S, event_schema, with_silences
from service.errors import DarkroomError, GoneError, NotFoundError
from service.jobs.following import Told
from service.jobs.views import JobView
from service.jobs.watching.event_diff import (
    EventId,
    ImageStored,
    JobEnded,
    JobEvent,
    JobFailed,
    PreviewReady,
    ProgressMade,
    StatusChanged,
    StreamClosing,
)

RECONNECT_MS: Final = 2000

EVENT_SCHEMA: Final = event_schema(
    ["status", "progress", "preview", "image", "failed", "done", "closing"], required=["event", "id", "data"]
)

_log = structlog.get_logger("darkroom.api")


async def frames(
    first: Told, rest: AsyncGenerator[Told, None], at: Addresses, *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[bytes, None]:
    """Yields `first`, then `rest`, and a comment after every `heartbeat_s` of silence. An error is the last event."""
    yield format_sse_event(retry=RECONNECT_MS)
    yield _frame(*first, at)
    seen = first[0]
    try:
        async with contextlib.aclosing(with_silences(rest, heartbeat_s)) as followed:
            async for told in followed:
                if told is None:
                    yield KEEPALIVE_COMMENT
                else:
                    seen = told[0]
                    yield _frame(*told, at)
    except Exception as error:  # noqa: BLE001 -- the stream has begun: only a frame can tell the reader
        yield format_sse_event(event="failed", data_str=failure_body(error).model_dump_json(), id=str(seen))


def _frame(event_id: EventId, event: JobEvent, view: JobView, at: Addresses) -> bytes:
    name, body = event_body(event, view, at)
    return format_sse_event(event=name, data_str=body.model_dump_json(), id=str(event_id))


def event_body(event: JobEvent, view: JobView, at: Addresses) -> tuple[str, BaseModel]:
    """Returns the event's name and its data."""
    match event:
        case StatusChanged():
            return "status", StatusEvent(status=event.status)
        case ProgressMade():
            return "progress", progress_event(event)
        case PreviewReady():
            return "preview", preview_event(event.preview)
        case ImageStored():
            return "image", image_out(view.record, event.image, at)
        case JobFailed():
            return "failed", failure_out(view.record)
        case JobEnded():
            return "done", job_out(view, at)
        case StreamClosing():
            message = "The server is shutting down. The job goes on."
            return "closing", ClosingEvent(message=message, retry_after_s=RECONNECT_MS / 1000)


def failure_body(error: Exception) -> FailureOut:
    """Returns the data of the event that tells a reader why a stream cannot go on. Logs unforeseen errors.

    The event gets the id of the one before it, so that a reader resumes after that.
    """
    match error:
        case NotFoundError():
            told: DarkroomError = GoneError("The job was deleted.")
        case DarkroomError():
            told = error
        case _:
            _log.error("unforeseen error in a stream", exc_info=error)
            told = DarkroomError()
    return FailureOut(code=told.code, message=told.message, field=told.field)
