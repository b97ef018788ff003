"""Server-sent events: silence is filled with comments, and a stream that ends leaves nothing running."""

from __future__ import annotations

import asyncio
import gc
import types
from collections.abc import AsyncGenerator, AsyncIterator

import anyio
import pytest
from starlette.types import Message, Scope

from service.api.http.sse import EventStream, event_schema, with_silences

SCOPE: Scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}, "headers": []}


async def connected() -> Message:
    """A client that stays until the answer is complete."""
    await asyncio.Event().wait()
    raise AssertionError


async def gone() -> Message:
    return {"type": "http.disconnect"}


class Stream:
    """An event stream of `frames` that remembers what was sent, closed and called."""

    def __init__(self, frames: list[bytes]) -> None:
        self.calls: list[str] = []
        self.sent: list[Message] = []
        self._frames = frames
        self.response = EventStream(self._generate(), headers={"X-Seed": "7"}, on_end=self._end)

    async def _generate(self) -> AsyncGenerator[bytes, None]:
        try:
            for frame in self._frames:
                yield frame
        finally:
            self.calls.append("closed")

    async def _end(self) -> None:
        self.calls.append("ended")

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def refuse(self, message: Message) -> None:
        raise OSError("the client is gone")


async def test_a_stream_sends_its_frames_unbuffered_then_calls_on_end() -> None:
    stream = Stream([b"a", b"b"])
    await stream.response(SCOPE, connected, stream.send)
    headers = dict(stream.sent[0]["headers"])
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert (headers[b"cache-control"], headers[b"x-accel-buffering"], headers[b"x-seed"]) == (b"no-store", b"no", b"7")
    assert b"".join(message["body"] for message in stream.sent[1:]) == b"ab"
    assert stream.calls == ["closed", "ended"]


async def test_a_stream_whose_client_left_before_the_first_frame_still_calls_on_end() -> None:
    stream = Stream([b"a"])
    with pytest.raises(Exception):  # noqa: B017, PT011 -- Starlette's own, which says that the client is gone
        await stream.response(SCOPE, gone, stream.refuse)
    assert stream.calls[-1] == "ended"


def test_the_schema_of_an_event_names_all_events() -> None:
    schema = event_schema(["status", "done"], required=["event", "data"])
    assert schema["properties"]["event"] == {"enum": ["status", "done"]}
    assert schema["required"] == ["event", "data"]


async def test_a_silence_is_filled_and_loses_no_event() -> None:
    gate = asyncio.Event()

    async def events() -> AsyncIterator[str]:
        yield "first"
        await gate.wait()
        yield "second"

    heard = []
    async for event in with_silences(events(), 0.01):
        heard.append(event)
        if heard.count(None) == 2:
            gate.set()
    assert [event for event in heard if event] == ["first", "second"]
    assert heard[:3] == ["first", None, None]


async def test_an_error_of_the_events_comes_through() -> None:
    async def events() -> AsyncIterator[str]:
        yield "first"
        raise ValueError("the second one failed")

    stream = with_silences(events(), 10.0)
    assert await anext(stream) == "first"
    with pytest.raises(ValueError, match="the second one failed"):
        await anext(stream)


async def test_a_reader_that_leaves_cancels_the_event_that_it_waited_for() -> None:
    canceled = asyncio.Event()

    async def events() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            canceled.set()

    stream = with_silences(events(), 0.01)
    assert await anext(stream) is None
    await stream.aclose()
    assert canceled.is_set()


async def test_a_reader_that_is_canceled_again_and_again_leaves_no_event_behind() -> None:
    finished = asyncio.Event()

    async def events() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            await asyncio.sleep(0)  # The source has something to do at its end, as a database connection has.
            finished.set()

    async def read() -> None:
        async for _ in with_silences(events(), 10.0):
            raise AssertionError

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert finished.is_set()


async def test_a_stream_that_was_read_to_its_end_leaves_no_cycles() -> None:
    async def events() -> AsyncIterator[str]:
        yield "only"

    gc.collect()
    gc.disable()  # Otherwise it may find them before they are looked for.
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        assert [event async for event in with_silences(events(), 60.0)] == ["only"]
        await asyncio.sleep(0)
        gc.collect()
        left = [each for each in gc.garbage if isinstance(each, StopAsyncIteration | types.FrameType)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == []
