# Written by `python -m scripts.sync_client` from client/darkroom/_async/streams.py: change that instead.

"""Iterators over the events of a stream: those of one generation, and those of a job."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Generator
from typing import Generic, TypeVar

import httpx2
from typing_extensions import Self

from darkroom._core.decoding import check_is_stream, connection_errors
from darkroom._core.following import MAX_EVENT_BYTES, Follower
from darkroom._core.image_stream import ImageStreamReader
from darkroom._sync.files import JobImage
from darkroom._sync.resource import Closing
from darkroom._sync.transport import Transport
from darkroom.errors import APIConnectionError, APIStatusError
from darkroom.results.events import JobEvent
from darkroom.results.images import ImageEvent

EventT = TypeVar("EventT")


class _Events(Closing, Generic[EventT]):
    """An iterator over events, and a context that closes their connection at its end."""

    _events: Generator[EventT, None, None]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> EventT:
        return next(self._events)

    def close(self) -> None:
        """Close the connection."""
        self._events.close()


class ImageStream(_Events[ImageEvent]):
    """The events of one generation, as they happen. Can be iterated once. Leaving its block cancels the generation.

    Iteration raises `StreamError` where the generation fails, `APIConnectionError` where the stream ends before its
    images are finished, and `InvalidResponseError` for an event that cannot be read.
    """

    def __init__(self, response: httpx2.Response, reader: ImageStreamReader) -> None:
        self.response = response
        """The answer, whose headers have, for example, `X-Adjusted-Params`."""
        self._reader = reader
        self._events = self._read()

    def _read(self) -> Generator[ImageEvent, None, None]:
        with self:
            with connection_errors(str(self.response.url)):
                for sent in httpx2.EventSource(self.response, MAX_EVENT_BYTES):
                    event = self._reader.read(sent)
                    if event is not None:
                        yield event
            self._reader.check_end()

    def close(self) -> None:
        """Close the connection, which cancels the generation."""
        self.response.close()


class JobEvents(_Events[JobEvent[JobImage]]):
    """The events of a job, until it has ended. Can be iterated once. Leaving it early does not stop the job.

    A lost connection is made again, and the events go on behind the last one. Iteration raises `APIConnectionError`
    where that fails for long, and `JobDeletedError` where the job is deleted meanwhile.
    """

    def __init__(self, transport: Transport, follower: Follower[JobImage]) -> None:
        self._transport = transport
        self._follower = follower
        self._events = self._follow()

    def _follow(self) -> Generator[JobEvent[JobImage], None, None]:
        while not self._follower.ended:
            try:
                with contextlib.closing(self._connection()) as events:
                    yield from events
            except (APIConnectionError, APIStatusError) as error:
                # Jitter between clients needs no secrecy.
                retry = self._follower.lost(error, random.random())  # noqa: S311
                self._transport.wait(retry)

    def _connection(self) -> Generator[JobEvent[JobImage], None, None]:
        """Yield the events of one connection."""
        with self._transport.stream(self._follower.request()) as response:
            if response.status_code != httpx2.codes.NO_CONTENT:
                check_is_stream(response)
                for sent in httpx2.EventSource(response, MAX_EVENT_BYTES):
                    yield from self._follower.read(sent)
                    if self._follower.ended:
                        return
        self._follower.closed(response.status_code)
