"""uvicorn's HTTP/1.1 protocol with the bounds that no ASGI middleware can set: deadlines, head size, connections.

Written against uvicorn 0.54. Deadlines are kept as numbers and looked at by `sweep`, which `service.server.main` calls
twice a second: a timer for each connection would have to be moved with every packet.
"""

from __future__ import annotations

import asyncio
import http
import json
import socket
from dataclasses import dataclass
from typing import Any, Final, Literal

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_LINGER_S: Final = 2.0
"""How long to go on reading what nobody wants after an answer: closing at once could destroy the answer on its way."""
_HEADER_OVERHEAD: Final = 4
"""The colon, the space and the line end around a header."""


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    header_timeout_s: float
    """From the first byte of a request, or the opening of the connection, to the end of its head."""
    body_timeout_s: float
    """From the end of the head to the end of the body."""
    write_timeout_s: float
    """How long the client may take nothing of an answer that waits for it."""
    max_connections: int
    max_header_bytes: int = 32 * 1024


class _HeadTooLargeError(Exception):
    """Stops the parser in the middle of a head."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. What goes over a bound is answered where that is still possible (408, 431, 503), then closed."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: EdgeLimits,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._stage: Literal["idle", "head", "body", "refused"] = "idle"
        """What of a request is on its way in; while it is answered, that is nothing: idle."""
        self._deadline: float | None = None
        """When the stage must be over, in the loop's time."""
        self._head_bytes = 0
        """Of the head's parts that are complete."""
        self._raw_head_bytes = 0
        """Fed to the parser since the head began."""
        self._unanswered = 0
        """Requests whose head is in and whose answer is not out."""
        self._unsent = 0
        self._unsent_since: float | None = None

    def sweep(self, now: float) -> None:
        """End the connection if it is past a deadline; `now` is the loop's time in seconds."""
        self._abort_if_unread(now)
        if self._deadline is None or now < self._deadline or self.transport.is_closing():
            return
        if self.flow.read_paused:
            self._deadline = now + self._limits.body_timeout_s  # We do not read; that is not the client's fault.
        elif self._stage == "head" and self._unanswered:
            pass  # A pipelined request is late: the one before it gets its answer first.
        elif self._stage == "head" or (self._stage == "body" and not self.cycle.response_started):
            self._refuse(http.HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive.")
        else:
            self.transport.close()

    def _abort_if_unread(self, now: float) -> None:
        # Goes on after `close`, which waits for what is unsent.
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._unsent_since = None
        elif self._unsent_since is None:
            self._unsent_since = now
        self._unsent = unsent
        if self._unsent_since is not None and now - self._unsent_since > self._limits.write_timeout_s:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # An answer's body must not wait until its head is acknowledged. asyncio sees to that only where a socket says
        # that it is TCP, which those accepted from `socket.create_server` do not.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._enter("idle", self._limits.header_timeout_s)
        if len(self.connections) > self._limits.max_connections:
            self._refuse(http.HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.")
            transport.close()

    def data_received(self, data: bytes) -> None:
        if self._stage == "refused":
            return
        if self._stage == "idle":
            self._enter("head", self._limits.header_timeout_s)
            self._raw_head_bytes = 0
        if self._stage == "head":
            self._raw_head_bytes += len(data)
        super().data_received(data)
        if self._stage == "head" and self._raw_head_bytes > self._limits.max_header_bytes:
            self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _HEADER_OVERHEAD)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._unanswered += 1
        self._enter("body", self._limits.body_timeout_s)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._enter("idle", None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unanswered -= 1
        if self._stage == "body":
            self._enter("body", _LINGER_S)

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn where the parser gave up, be it because one of the methods above raised."""
        if self._head_bytes > self._limits.max_header_bytes:
            self._refuse_head()
        else:
            self._refuse(http.HTTPStatus.BAD_REQUEST, msg)

    def _enter(self, stage: Literal["idle", "head", "body", "refused"], seconds: float | None) -> None:
        self._stage = stage
        self._deadline = None if seconds is None else self.loop.time() + seconds

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.max_header_bytes:
            raise _HeadTooLargeError

    def _refuse_head(self) -> None:
        self._refuse(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large.")

    def _refuse(self, status: http.HTTPStatus, message: str) -> None:
        """Answer without the application, in the shape that the official clients read, and take nothing more."""
        if self._unanswered > (self._stage == "body"):
            self.transport.close()  # An earlier request waits for its answer, and would take this for it.
            return
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": status.name.lower()}
        body = json.dumps({"error": error}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.write_eof()
        self._enter("refused", _LINGER_S)
