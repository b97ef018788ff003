"""Iterators over the events of a stream, one for each client; what an event means is decided once, for both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final, Self

import httpx2
from pydantic import TypeAdapter, ValidationError

from darkroom._wire import connection_errors, read_fault, request_id
from darkroom.errors import APIConnectionError, InvalidResponseError, StreamError
from darkroom.types import CompletedImage, ImageEvent

MAX_EVENT_BYTES: Final = 256 << 20
"""An event carries a whole image in base64."""

_EVENTS: Final[TypeAdapter[ImageEvent]] = TypeAdapter(ImageEvent)
_KINDS: Final = frozenset({"image_generation.partial_image", "image_generation.completed"})


class ImageStream:
    """The events of one generation, as they happen. Iterate once; leaving a `with` block ends the generation.

    Raises `StreamError` where the generation fails, `APIConnectionError` where the stream ends too early.
    """

    def __init__(self, response: httpx2.Response, images: int) -> None:
        self._response = response
        self._reader = _Reader(response, images)

    def __iter__(self) -> Iterator[ImageEvent]:
        with self, connection_errors(str(self._response.url)):
            for sent in httpx2.EventSource(self._response, MAX_EVENT_BYTES):
                event = self._reader.read(sent)
                if event is not None:
                    yield event
            self._reader.check_end()

    def close(self) -> None:
        """Hang up; the server stops drawing."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class AsyncImageStream:
    """`ImageStream` for `async for` and `async with`."""

    def __init__(self, response: httpx2.Response, images: int) -> None:
        self._response = response
        self._reader = _Reader(response, images)

    async def __aiter__(self) -> AsyncIterator[ImageEvent]:
        async with self:
            with connection_errors(str(self._response.url)):
                async for sent in httpx2.EventSource(self._response, MAX_EVENT_BYTES):
                    event = self._reader.read(sent)
                    if event is not None:
                        yield event
                self._reader.check_end()

    async def close(self) -> None:
        """Hang up; the server stops drawing."""
        await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class _Reader:
    """Turns server-sent events into typed ones, and knows whether the stream came to its end."""

    def __init__(self, response: httpx2.Response, images: int) -> None:
        self._request_id = request_id(response)
        self._unfinished = images

    def read(self, sent: httpx2.ServerSentEvent) -> ImageEvent | None:
        """None for a kind of event that this version does not know."""
        if sent.event not in _KINDS:
            fault = read_fault(sent.data)
            if fault is None:
                return None
            raise StreamError(fault.message, code=fault.code, param=fault.param, request_id=self._request_id)
        try:
            event = _EVENTS.validate_json(sent.data, context={"request_id": self._request_id})
        except ValidationError as error:
            raise InvalidResponseError("the server sent an event that cannot be read") from error
        self._unfinished -= isinstance(event, CompletedImage)
        return event

    def check_end(self) -> None:
        if self._unfinished > 0:
            raise APIConnectionError("the stream ended before its images were finished")
