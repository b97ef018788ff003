"""A job's events as server-sent events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Final, TypeAlias

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel

from service.api.dialects.jobs.schemas import FailureOut, StatusEvent
from service.api.dialects.jobs.serialize import failure_out, image_out, job_out, preview_event, progress_event
from service.api.http.sse import HEARTBEAT_S, event_schema, with_silences
from service.errors import DarkroomError, GoneError, NotFoundError
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
)

_RECONNECT_MS: Final = 2000

EVENT_SCHEMA: Final = event_schema(
    ["status", "progress", "preview", "image", "failed", "done"], required=["event", "id", "data"]
)

_log = structlog.get_logger("darkroom.api")

Told: TypeAlias = tuple[EventId, JobEvent, JobView]
"""An event, its id and the job at that time, as `JobService.follow` yields them."""


async def frames(
    first: Told, news: AsyncGenerator[Told, None], *, heartbeat_s: float = HEARTBEAT_S
) -> AsyncGenerator[bytes, None]:
    """Yields `first`, then `news`, and a comment after every `heartbeat_s` of silence. An error is the last event."""
    yield format_sse_event(retry=_RECONNECT_MS)
    yield _frame(*first)
    seen = first[0]
    try:
        async with contextlib.aclosing(with_silences(news, heartbeat_s)) as events:
            async for event in events:
                if event is None:
                    yield KEEPALIVE_COMMENT
                else:
                    seen = event[0]
                    yield _frame(*event)
    except NotFoundError:
        yield _failure_frame(seen, GoneError("The job was deleted."))
    except DarkroomError as error:
        yield _failure_frame(seen, error)
    except Exception:  # noqa: BLE001 -- the stream has begun: only a frame can tell the reader
        _log.exception("unforeseen error in a stream")
        yield _failure_frame(seen, DarkroomError())


def _frame(event_id: EventId, news: JobEvent, view: JobView) -> bytes:
    name, body = _event(news, view)
    return format_sse_event(event=name, data_str=body.model_dump_json(), id=str(event_id))


def _event(news: JobEvent, view: JobView) -> tuple[str, BaseModel]:
    match news:
        case StatusChanged():
            return "status", StatusEvent(status=news.status)
        case ProgressMade():
            return "progress", progress_event(news)
        case PreviewReady():
            return "preview", preview_event(news.preview)
        case ImageStored():
            return "image", image_out(view.record, news.image)
        case JobFailed():
            return "failed", failure_out(view.record)
        case JobEnded():
            return "done", job_out(view)


def _failure_frame(seen: EventId, error: DarkroomError) -> bytes:
    """An error of the stream. It carries the id of the last event, so that a reader resumes behind that."""
    failure = FailureOut(code=error.code, message=error.message, field=error.field)
    return format_sse_event(event="failed", data_str=failure.model_dump_json(), id=str(seen))
