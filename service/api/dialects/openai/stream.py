"""The event stream of a request for images: previews, and each finished image once, as it is finished."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from service.api.dialects.openai.errors import error_body
from service.api.dialects.openai.generation import Generation, to_base64
from service.api.dialects.openai.schemas import (
    NO_USAGE,
    CompletedEvent,
    CompletedType,
    PartialImageEvent,
    PartialType,
)
from service.api.generation.prompt_tokens import prompt_tokens
from service.api.http.dialect import ErrorAnswer
from service.api.http.sse import HEARTBEAT_S, event_schema, with_silences
from service.engine.interface import ImageEvent, ImageFinished, ImageLoading, ImagePreview, Job
from service.errors import DarkroomError

_KINDS: Final[Mapping[str, tuple[PartialType, CompletedType]]] = {
    "image_generation": ("image_generation.partial_image", "image_generation.completed"),
    "image_edit": ("image_edit.partial_image", "image_edit.completed"),
}
STREAM_SCHEMAS: Final = {
    events: event_schema((*kinds, "message"), required=["data"]) for events, kinds in _KINDS.items()
}
"""The type of an event without a name, as an error is, is `message` (HTML standard, server-sent events)."""

_log = structlog.get_logger("darkroom.api")


async def frames(generation: Generation, job: Job, *, heartbeat_s: float = HEARTBEAT_S) -> AsyncGenerator[bytes, None]:
    """Yields the job's events, and a comment after every `heartbeat_s` of silence. An error is the last event."""
    try:
        with generation.services.running(job):
            async with contextlib.aclosing(with_silences(_shown(generation, job), heartbeat_s)) as shown:
                async for frame in shown:
                    yield KEEPALIVE_COMMENT if frame is None else frame
    except DarkroomError as error:
        yield _error_frame(error)
    except Exception:  # noqa: BLE001 -- the stream has begun: only a frame can tell the reader
        _log.exception("unforeseen error in a stream")
        yield _error_frame(DarkroomError())


async def _shown(generation: Generation, job: Job) -> AsyncGenerator[bytes, None]:
    """Yields what the reader sees of the job. Most steps are not shown, and break no silence."""
    async for event in job.events():
        if isinstance(event, ImageLoading):
            yield format_sse_event(comment=f"loading the model, about {event.wait_s:.0f} s")
        elif (message := await _message(generation, event)) is not None:
            yield format_sse_event(event=message.type, data_str=message.model_dump_json())


async def _message(generation: Generation, event: ImageEvent) -> PartialImageEvent | CompletedEvent | None:
    match event:
        case ImagePreview():
            return PartialImageEvent(
                type=_KINDS[generation.events][0],
                b64_json=to_base64(await generation.encode(event.rgb_image)),
                partial_image_index=event.preview,
                created_at=int(time.time()),
                index=event.index,
                seed=generation.plan.images[event.index].seed,
                **generation.response_fields,
            )
        case ImageFinished():
            return CompletedEvent(
                type=_KINDS[generation.events][1],
                b64_json=to_base64(await generation.encode_finished(event)),
                created_at=int(time.time()),
                usage=NO_USAGE,
                index=event.index,
                seed=event.params.seed,
                prompt_tokens=prompt_tokens(event.prompt_lengths),
                **generation.response_fields,
            )
        case _:
            return None


def _error_frame(error: DarkroomError) -> bytes:
    """The official clients raise on an object with `error`, whatever the event's name."""
    return format_sse_event(data_str=json.dumps(error_body(ErrorAnswer.of(error))))
