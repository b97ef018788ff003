"""Tracks the requests that are being answered, and ends those whose key has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from starlette.types import Message, Receive, Send

from service.api.http.sse import EVENT_STREAM
from service.auth.authenticator import Admission

_GONE: Message = {"type": "http.disconnect"}


class RunningRequest:
    """One request that is being answered. After `end` its route sees a client that hung up, and sends to nobody."""

    def __init__(self, admission: Admission, receive: Receive, send: Send) -> None:
        self.admission = admission
        self._receive = receive
        self._send = send
        self._ended = asyncio.Event()
        self._has_begun = False
        self._is_stream = False
        self._is_done = False

    @property
    def has_ended(self) -> bool:
        """Whether it was ended before its answer was whole."""
        return self._ended.is_set() and not self._is_done

    @property
    def has_begun(self) -> bool:
        """Whether its answer had begun before it was ended."""
        return self._has_begun

    def end(self) -> None:
        self._ended.set()

    async def receive(self) -> Message:
        if self._ended.is_set():
            return _GONE
        receiving = asyncio.ensure_future(self._receive())
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({receiving, ending}, return_when=asyncio.FIRST_COMPLETED)
            return receiving.result() if receiving.done() else _GONE
        finally:
            receiving.cancel()
            ending.cancel()

    async def send(self, message: Message) -> None:
        if self._ended.is_set() and not self._is_done:
            return
        if message["type"] == "http.response.start":
            self._has_begun = True
            self._is_stream = any(
                name.lower() == b"content-type" and value.startswith(EVENT_STREAM.encode())
                for name, value in message["headers"]
            )
        elif message["type"] == "http.response.body":
            self._is_done = not message.get("more_body", False)
        await self._send(message)

    async def close_stream(self) -> None:
        """Ends a stream of events in order. Any other answer that has begun is left for the server to cut short."""
        if self._is_stream:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class RunningRequests:
    """The running requests of one application. All methods belong to one event loop."""

    def __init__(self, is_admitted: Callable[[Admission], bool]) -> None:
        self._is_admitted = is_admitted
        self._requests: set[RunningRequest] = set()

    @contextlib.contextmanager
    def running(self, request: RunningRequest) -> Iterator[None]:
        """Tracks a request for the length of the block."""
        self._requests.add(request)
        try:
            yield
        finally:
            self._requests.discard(request)

    def end_refused(self) -> None:
        """Ends the requests whose admission no longer holds."""
        for request in [each for each in self._requests if not self._is_admitted(each.admission)]:
            request.end()
