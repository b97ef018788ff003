"""Iterators over the events of a stream, one for each client. Both share the code that reads an event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Final, Self

import httpx2
from pydantic import TypeAdapter, ValidationError

from darkroom._wire import connection_errors, read_fault, request_id
from darkroom.errors import APIConnectionError, InvalidResponseError, StreamError
from darkroom.results import CompletedImage, ImageEvent

MAX_EVENT_BYTES: Final = 256 << 20
"""Limit on one event, which carries a whole image in base64."""

_EVENTS: Final[TypeAdapter[ImageEvent]] = TypeAdapter(ImageEvent)
_EVENT_TYPES: Final = frozenset({"image_generation.partial_image", "image_generation.completed"})


class ImageStream:
    """The events of one generation, as they happen. Can be iterated once. Leaving its `with` block cancels the
    generation.

    Iteration raises `StreamError` where the generation fails, `APIConnectionError` where the stream ends before its
    images are finished, and `InvalidResponseError` for an event that cannot be read.
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
        """Close the connection, which cancels the generation."""
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
        """Close the connection, which cancels the generation."""
        await self._response.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


class _Reader:
    """Turns server-sent events into typed ones, and counts the images that have not come yet."""

    def __init__(self, response: httpx2.Response, images: int) -> None:
        self._request_id = request_id(response)
        self._unfinished = images

    def read(self, sent: httpx2.ServerSentEvent) -> ImageEvent | None:
        """Return the event, or None for one of a type that this version does not know.

        Raises `StreamError` and `InvalidResponseError`.
        """
        if sent.event not in _EVENT_TYPES:
            fault = read_fault(sent.data)
            if fault is None:
                return None
            raise StreamError(fault.message, code=fault.code, param=fault.param, request_id=self._request_id)
        try:
            event = _EVENTS.validate_json(sent.data, context={"request_id": self._request_id})
        except ValidationError as error:
            raise InvalidResponseError("the server sent an event that this client cannot read") from error
        self._unfinished -= isinstance(event, CompletedImage)
        return event

    def check_end(self) -> None:
        """Check at the end of the stream that all images came. Raises `APIConnectionError`."""
        if self._unfinished > 0:
            raise APIConnectionError("the stream ended before its images were finished")
