"""uvicorn's HTTP/1.1 protocol with two things that no ASGI middleware can do: bounds, and exact message boundaries.

The bounds are deadlines, head size and connections. Deadlines are kept as numbers and looked at by `sweep`, which
`service.server.main` calls twice a second: a timer for each connection would have to be moved with every packet.

Where a message ends decides what is obeyed as the next request, so nothing here is left to a default: framing that
two servers could read differently is refused, an offer to upgrade is declined, trailers are dropped, and a request
that is answered before all of it came is the last one of its connection. Written against uvicorn 0.54 and httptools
0.9.
"""

from __future__ import annotations

import asyncio
import functools
import http
import json
import socket
from dataclasses import dataclass
from typing import Any, Final, Literal

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from service.observability.edge_metrics import EdgeMetrics, ListenerName
from service.server.framing import head_without_offer, says_where_it_ends
from service.server.lingering import LingeringTransport

_MAX_TURNED_AWAY: Final = 64
"""At most so many connections over the cap are answered at a time; further ones are closed without an answer."""
_HEADER_OVERHEAD: Final = 4
"""Bytes around a header's name and value: colon, space and line end."""
_SOCKET_OPTIONS: Final = (
    # An answer's body must not wait until its head is acknowledged. asyncio sees to that only where a socket says that
    # it is TCP, which those accepted from `socket.create_server` do not.
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    # A client that vanished while it waited is found out within two minutes, and a router that forgets silent
    # connections after minutes is kept from forgetting one that waits for an image.
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 60),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 15),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 4),
)


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    header_timeout_s: float
    """Time from the first byte of a request, or the opening of the connection, to the end of its head."""
    body_timeout_s: float
    """Time from the end of the head to the end of the body."""
    write_timeout_s: float
    """How long a client may read nothing of an answer that waits for it."""
    max_connections: int
    max_header_bytes: int = 32 * 1024


class _HeadTooLargeError(Exception):
    """Stops the parser in the middle of a head."""


class _FramingError(Exception):
    """Stops the parser at the end of a head that does not say clearly where its message ends."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. A request beyond a bound is answered (408, 431, 503) where possible, then it closes."""

    transport: LingeringTransport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: EdgeLimits,
        metrics: EdgeMetrics,
        listener: ListenerName,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._metrics = metrics
        self._listener = listener
        self._stage: Literal["idle", "head", "body"] = "idle"
        """The part of a request that is arriving; idle also while a request is answered."""
        self._deadline: float | None = None
        """When the stage must end, in the loop's time."""
        self._head_bytes = 0
        """Bytes of the head's complete parts."""
        self._raw_head_bytes = 0
        """Bytes fed to the parser since the head began."""
        self._head_to_parse_again: bytes | None = None
        """A head that offered an upgrade, without its offer."""
        self._unanswered = 0
        """Number of requests whose head has arrived and whose answer has not been sent."""
        self._answering: RequestResponseCycle | None = None
        """The request that the application works on; `cycle` is the latest request."""
        self._unsent = 0
        self._unsent_since: float | None = None

    def sweep(self, now: float) -> None:
        """End the connection if it is past a deadline; `now` is the loop's time in seconds."""
        self._abort_if_unread(now)
        if self._deadline is None or now < self._deadline or self.transport.is_closing():
            return
        if self.flow.read_paused:
            self._deadline = now + self._limits.body_timeout_s  # The server does not read, so the client is not late.
        elif self._stage == "head" and self._unanswered:
            pass  # A pipelined request is late: the one before it gets its answer first.
        elif self._stage == "idle":
            self.transport.close()
        else:
            self._refuse(http.HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive.")

    def _abort_if_unread(self, now: float) -> None:
        # This goes on after `close`, which waits until everything is sent.
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent < self._unsent:
            self._unsent_since = None
        elif self._unsent_since is None:
            self._unsent_since = now
        self._unsent = unsent
        if self._unsent_since is not None and now - self._unsent_since > self._limits.write_timeout_s:
            self._metrics.protocol_refused(None)
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn, TCP alone
        super().connection_made(LingeringTransport(transport, self.loop, self._limits.body_timeout_s))
        self._metrics.connection_opened(self._listener)
        for level, name, value in _SOCKET_OPTIONS:
            if hasattr(socket, name):
                transport.get_extra_info("socket").setsockopt(level, getattr(socket, name), value)
        self._enter("idle", self._limits.header_timeout_s)
        over = len(self.connections) - self._limits.max_connections
        if over > _MAX_TURNED_AWAY:
            self._metrics.protocol_refused(None)
            self.transport.abort()
        elif over > 0:
            self._refuse(http.HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.")

    def connection_lost(self, exc: Exception | None) -> None:
        self._metrics.connection_closed(self._listener)
        self._abandon()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn calls this when the server stops. Idle connections are closed at once."""
        if self._unanswered == 0 and not self.transport.is_closing():
            self.transport.close_at_once()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            self.transport.drop()
            return
        if self._stage == "idle":
            self._enter("head", self._limits.header_timeout_s)
            self._raw_head_bytes = 0
        if self._stage == "head":
            self._raw_head_bytes += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(memoryview(data))
        except httptools.HttpParserError:
            self._refuse_what_the_parser_gave_up()
        if self._stage == "head" and self._raw_head_bytes > self._limits.max_header_bytes:
            self._refuse_head()

    def _parse(self, data: memoryview) -> None:
        # At an offer to upgrade httptools takes the message to end with its head, and what follows to be another
        # protocol's. We decline every offer, so the head is parsed once more without it, and what follows as its body.
        # A new parser does that, as the old one reads nothing after a head that says `Connection: close` too.
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                assert self._head_to_parse_again is not None
                head, self._head_to_parse_again = self._head_to_parse_again, None
                self.parser = _new_parser(self)
                self.parser.feed_data(head)
                data = data[offer.args[0] :]
            else:
                return

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._stage == "idle":  # Behind another request, in the same segment.
            self._enter("head", self._limits.header_timeout_s)
            self._raw_head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _HEADER_OVERHEAD)
        if self._stage == "head":  # A trailer must not pass for a header: nobody has looked at it as one.
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if not says_where_it_ends(method, version, self.headers):
            raise _FramingError
        if self.parser.should_upgrade():
            self._head_to_parse_again = head_without_offer(method, self.url, version, self.headers)
            return
        if version == "1.0":
            self.expect_100_continue = False  # Such a client knows no answer that is not final (RFC 9110, 10.1.1).
        super().on_headers_complete()
        self._unanswered += 1
        self._enter("body", self._limits.body_timeout_s)

    def on_message_complete(self) -> None:
        if self._head_to_parse_again is None:
            super().on_message_complete()
            self._enter("idle", None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unanswered -= 1

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]  # uvicorn has another type for ASGI
        self._answering = cycle
        super()._start_asgi_task(cycle, functools.partial(self._answer, cycle, app))

    async def _answer(
        self, cycle: RequestResponseCycle, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_and_close_if_early(message: Message) -> None:
            if message["type"] == "http.response.start" and cycle.more_body:
                cycle.keep_alive = False  # Client and server might disagree on whether the body still comes.
            await send(message)

        if not cycle.disconnected:
            await app(scope, receive, send_and_close_if_early)

    def _enter(self, stage: Literal["idle", "head", "body"], seconds: float | None) -> None:
        self._stage = stage
        self._deadline = None if seconds is None else self.loop.time() + seconds

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.max_header_bytes:
            raise _HeadTooLargeError

    def _refuse_what_the_parser_gave_up(self) -> None:
        # uvicorn also comes here when one of the methods above has raised.
        if self._head_bytes > self._limits.max_header_bytes:
            self._refuse_head()
        else:
            self._refuse(http.HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")

    def _refuse_head(self) -> None:
        self._refuse(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request's head is too large.")

    def _refuse(self, status: http.HTTPStatus, message: str) -> None:
        """Answer without the application, in the shape that the official clients read, and take nothing more."""
        self._metrics.protocol_refused(status.value)
        is_at_fault_unanswered = self._stage == "body" and not self.cycle.response_started
        if self._unanswered == is_at_fault_unanswered:  # Else the client would take this for another answer.
            error = {"message": message, "type": "invalid_request_error", "param": None, "code": status.name.lower()}
            body = json.dumps({"error": error}).encode()
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
        self._abandon()

    def _abandon(self) -> None:
        """Tells the application that the client has gone."""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()


def _new_parser(protocol: BoundedHttpProtocol) -> httptools.HttpRequestParser:
    """As uvicorn makes its own: what follows a request that says `Connection: close` is dropped, and is no error."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
