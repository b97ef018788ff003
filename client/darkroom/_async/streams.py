"""Iterators over the events of a stream: those of one generation, and those of a job."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

import httpx2
from typing_extensions import Self

from darkroom._async.files import AsyncJobImage
from darkroom._async.resource import AsyncClosing
from darkroom._async.transport import AsyncTransport
from darkroom._core.decoding import check_is_stream, connection_errors
from darkroom._core.following import MAX_EVENT_BYTES, Follower
from darkroom._core.image_stream import ImageStreamReader
from darkroom.errors import APIConnectionError, APIStatusError
from darkroom.results.events import JobEvent
from darkroom.results.images import ImageEvent

EventT = TypeVar("EventT")


class _AsyncEvents(AsyncClosing, Generic[EventT]):
    """An iterator over events, and a context that closes their connection at its end."""

    _events: AsyncGenerator[EventT, None]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        return await self._events.__anext__()

    async def close(self) -> None:
        """Close the connection."""
        await self._events.aclose()


class AsyncImageStream(_AsyncEvents[ImageEvent]):
    """The events of one generation, as they happen. Can be iterated once. Leaving its block cancels the generation.

    Iteration raises `StreamError` where the generation fails, `APIConnectionError` where the stream ends before its
    images are finished, and `InvalidResponseError` for an event that cannot be read.
    """

    def __init__(self, response: httpx2.Response, reader: ImageStreamReader) -> None:
        self.response = response
        """The answer, whose headers have, for example, `X-Adjusted-Params`."""
        self._reader = reader
        self._events = self._read()

    async def _read(self) -> AsyncGenerator[ImageEvent, None]:
        async with self:
            with connection_errors(str(self.response.url)):
                async for sent in httpx2.EventSource(self.response, MAX_EVENT_BYTES):
                    event = self._reader.read(sent)
                    if event is not None:
                        yield event
            self._reader.check_end()

    async def close(self) -> None:
        """Close the connection, which cancels the generation."""
        await self.response.aclose()


class AsyncJobEvents(_AsyncEvents[JobEvent[AsyncJobImage]]):
    """The events of a job, until it has ended. Can be iterated once. Leaving it early does not stop the job.

    A lost connection is made again, and the events go on behind the last one. Iteration raises `APIConnectionError`
    where that fails for long, and `JobDeletedError` where the job is deleted meanwhile.
    """

    def __init__(self, transport: AsyncTransport, follower: Follower[AsyncJobImage]) -> None:
        self._transport = transport
        self._follower = follower
        self._events = self._follow()

    async def _follow(self) -> AsyncGenerator[JobEvent[AsyncJobImage], None]:
        while not self._follower.ended:
            try:
                async with contextlib.aclosing(self._connection()) as events:
                    async for event in events:
                        yield event
            except (APIConnectionError, APIStatusError) as error:
                # Jitter between clients needs no secrecy.
                retry = self._follower.lost(error, random.random())  # noqa: S311
                await self._transport.wait(retry)

    async def _connection(self) -> AsyncGenerator[JobEvent[AsyncJobImage], None]:
        """Yield the events of one connection."""
        async with self._transport.stream(self._follower.request()) as response:
            if response.status_code != httpx2.codes.NO_CONTENT:
                check_is_stream(response)
                async for sent in httpx2.EventSource(response, MAX_EVENT_BYTES):
                    for event in self._follower.read(sent):
                        yield event
                    if self._follower.ended:
                        return
        self._follower.closed(response.status_code)
