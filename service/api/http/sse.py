"""Server-sent events: fills silence with comments, and leaves nothing running when the reader goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import anyio
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

T = TypeVar("T")

EVENT_STREAM: Final = "text/event-stream"

HEARTBEAT_S: Final = 15.0
"""Silence after which a stream sends a comment, so that no proxy takes the connection for dead."""


class _End:
    """Stands for the end of the events."""


_END: Final = _End()


class EventStream(StreamingResponse):
    """Sends `frames`. However the stream ends, it closes them and then calls `on_end`."""

    media_type = EVENT_STREAM

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        *,
        headers: Mapping[str, str],
        on_end: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(frames, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers})
        self._frames = frames
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # A client may leave before the first frame. Closing a generator that never began runs no `finally`.
            try:
                await self._frames.aclose()
            finally:
                await self._on_end()


def event_schema(names: Sequence[str], *, required: Sequence[str]) -> dict[str, Any]:
    """Returns the OpenAPI schema of one event of a stream."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {
            "event": {"enum": list(names)},
            "id": {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    }


async def with_silences(events: AsyncIterator[T], every_s: float) -> AsyncGenerator[T | None, None]:
    """Yields `events`, and None whenever `every_s` seconds have passed without one."""
    pending = asyncio.ensure_future(_next(events))
    try:
        while True:
            await asyncio.wait({pending}, timeout=every_s)
            if not pending.done():
                yield None
                continue
            event = pending.result()
            if isinstance(event, _End):
                return
            yield event
            pending = asyncio.ensure_future(_next(events))
    finally:
        pending.cancel()
        with anyio.CancelScope(shield=True):  # Starlette cancels the task again and again once the client has left.
            await asyncio.wait({pending})
        if not pending.cancelled():
            pending.exception()  # Retrieved, so that asyncio does not report it as never retrieved.


async def _next(events: AsyncIterator[T]) -> T | _End:
    """Returns the next event. A task that raised at the end would be part of a cycle with its exception's frames."""
    return await anext(events, _END)
