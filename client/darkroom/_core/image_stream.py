"""Reads the events of a stream of images, and knows whether it ended too early."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx2
from pydantic import TypeAdapter, ValidationError

from darkroom._core.arguments import argument_names, sent_with
from darkroom._core.decoding import check_is_stream, read_fault, request_id
from darkroom._core.parameters import STREAM_PARAMETERS
from darkroom.errors import APIConnectionError, InvalidResponseError, StreamError
from darkroom.results.images import CompletedImage, ImageEvent

_EVENTS: Final[TypeAdapter[ImageEvent]] = TypeAdapter(ImageEvent)
_EVENT_TYPES: Final = frozenset(
    f"{kind}.{state}" for kind in ("image_generation", "image_edit") for state in ("partial_image", "completed")
)


class ImageStreamReader:
    """Turns server-sent events into typed ones, and counts the images that have not come yet."""

    def __init__(self, response: httpx2.Response, prompt: str, arguments: Mapping[str, Any]) -> None:
        """`arguments` are those of the call. Raises `InvalidResponseError` where the answer is not a stream."""
        check_is_stream(response)
        self._request_id = request_id(response)
        self._unfinished: int = arguments.get("n") or 1
        self._sent = sent_with(arguments, prompt=prompt)

    def read(self, sent: httpx2.ServerSentEvent) -> ImageEvent | None:
        """Return the event, or None for one of a type that this version does not know.

        Raises `StreamError` and `InvalidResponseError`.
        """
        if sent.event not in _EVENT_TYPES:
            self._raise_fault(sent.data)
            return None
        try:
            event = _EVENTS.validate_json(sent.data, context={"request_id": self._request_id})
        except ValidationError as error:
            raise InvalidResponseError("the server sent an event that this client cannot read") from error
        event.with_parameters(
            {**self._sent, "seed": event.seed, "size": event.size, "output_format": event.output_format}
        )
        self._unfinished -= isinstance(event, CompletedImage)
        return event

    def _raise_fault(self, data: str) -> None:
        try:
            fault = read_fault(json.loads(data), argument_names(STREAM_PARAMETERS))
        except ValueError:
            return
        if fault is not None:
            raise StreamError(fault.message, code=fault.code, param=fault.param, request_id=self._request_id)

    def check_end(self) -> None:
        """Check at the end of the stream that all images came. Raises `APIConnectionError`."""
        if self._unfinished > 0:
            raise APIConnectionError("the stream ended before its images were finished")
