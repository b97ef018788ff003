"""Serves one connection of a listener within the bounds of `EdgeLimits`.

Deadlines are kept as numbers and checked by `sweep`, which the listener calls twice a second: a timer for each
connection would have to be moved with every packet. A request that is answered before all of it has arrived is the
last one of its connection.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from service.api.http.middleware import PROBES
from service.api.http.sse import EVENT_STREAM
from service.observability.edge_metrics import EdgeMetrics, ListenerName
from service.server.connections import half_close
from service.server.connections.admission import Admission, Place
from service.server.connections.framed_protocol import FramedHttpProtocol, Stage
from service.server.connections.limits import EdgeLimits
from service.server.connections.lingering import LingeringTransport
from service.server.connections.refusals import TOO_MANY, TOO_SLOW, Refusal
from service.server.connections.slow_readers import ReaderWatch, forget_unsent, unread_bytes

_RESERVE_TIMEOUT_S: Final = 2.0
"""Seconds for the request of a connection of the reserve, which must soon be free for the next one."""
_TCP_OPTIONS: Final = (
    # An answer's body must not wait until its head is acknowledged. asyncio sets this only where a socket says that it
    # is TCP, and sockets accepted from `socket.create_server` do not.
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    # A client that vanished while it waited is noticed within two minutes, and routers that forget silent connections
    # after minutes keep one that waits for an image.
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 60),
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 15),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 4),
)


class BoundedHttpProtocol(FramedHttpProtocol):
    """Serves one connection. Answers a request beyond a bound (400, 408, 431, 503) where possible, and closes."""

    transport: LingeringTransport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: EdgeLimits,
        admission: Admission,
        metrics: EdgeMetrics,
        listener: ListenerName,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop, max_header_bytes=limits.max_header_bytes)
        self._limits = limits
        self._admission = admission
        self._metrics = metrics
        self._listener = listener
        self._place: Place | None = None
        """None before the connection is made, and for one that found no place and is closed."""
        self._deadline: float | None = None
        """When the stage must end, in seconds of the loop's time."""
        self._unanswered = 0
        """Number of requests whose head has arrived and whose answer has not been sent."""
        self._answering: RequestResponseCycle | None = None
        """The request that the application works on; `cycle` is the latest request."""
        self._sends_events = False
        """Whether the answer that began last is a stream of events."""
        self._reader = ReaderWatch(window_s=limits.write_timeout_s, min_bytes_per_s=limits.min_read_bytes_per_s)
        self._half_closed_at: float | None = None
        self._asked_at = 0.0
        """When the client that stopped sending was last asked whether it still reads."""

    def sweep(self, now: float) -> None:
        """Ends the connection if it is past a deadline; `now` is the loop's time in seconds."""
        # The reader is watched even after `close`, which waits until everything is sent.
        waiting = unread_bytes(self.transport, self.transport.get_write_buffer_size())
        if self._reader.is_too_slow(now, self.transport.written, waiting):
            self._metrics.protocol_refused(None)
            forget_unsent(self.transport)
            self.transport.abort()
            return
        if self._half_closed_at is not None:
            self._sweep_half_closed(now, self._half_closed_at)
        elif self._deadline is not None and now >= self._deadline and not self.transport.is_closing():
            self._end_stage(now)

    def _end_stage(self, now: float) -> None:
        if self.flow.read_paused:
            self._deadline = now + self._limits.body_timeout_s  # The server does not read: no fault of the client.
        elif self._stage == "head" and self._unanswered:
            pass  # A pipelined request is late: the one before it gets its answer first.
        elif self._is_in_reserve:
            self._refuse(TOO_MANY)
        elif self._stage == "idle":
            self.transport.close()
        else:
            self._refuse(TOO_SLOW)

    @property
    def _is_in_reserve(self) -> bool:
        return self._place is not None and self._place.is_reserve

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn, no UDP
        super().connection_made(LingeringTransport(transport, self.loop, self._limits.body_timeout_s))
        self._metrics.connection_opened(self._listener)
        accepted = transport.get_extra_info("socket")
        for level, name, value in () if accepted.family == socket.AF_UNIX else _TCP_OPTIONS:
            if hasattr(socket, name):
                accepted.setsockopt(level, getattr(socket, name), value)
        self._place = self._admission.enter(None if self.client is None else self.client[0])
        self._enter("idle")
        self._deadline = self.loop.time() + self._head_timeout_s
        if self._place is None:
            self._metrics.protocol_refused(None)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._place is not None:
            self._admission.leave(self._place)
        self._metrics.connection_closed(self._listener)
        self._abandon()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Closes an idle connection at once. uvicorn calls this when the server stops."""
        if self._unanswered == 0 and not self.transport.is_closing():
            self.transport.close_at_once()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            self.transport.drop()
            return
        self._unset_keepalive_if_required()
        refusal = self._feed(data)
        if refusal is not None:
            self._refuse(refusal)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn lets the transport close
        """Handles the client's end of stream. Returns whether the connection stays open for answers under way."""
        if self.transport.is_closing() or self._unanswered == 0 or self._stage == "body":
            return False
        self.cycle.keep_alive = False  # The latest request is the last one.
        self.transport.client_has_ended()
        self._half_closed_at = self.loop.time()
        self._ask(self._half_closed_at)
        self._abort_if_reset()  # The answer of a client on this machine is here already.
        self.loop.call_later(half_close.LOOK_AFTER_S, self._abort_if_reset)
        return True

    def _sweep_half_closed(self, now: float, since: float) -> None:
        self._abort_if_reset()
        if now - self._asked_at >= half_close.ASK_EVERY_S:
            self._ask(now)
        cycle = self._answering
        cannot_be_asked = cycle is not None and not cycle.response_started and cycle.scope["http_version"] != "1.1"
        if cannot_be_asked and now - since >= half_close.UNASKED_S:
            self.transport.close_at_once()

    def _ask(self, now: float) -> None:
        self._asked_at = now
        cycle = self._answering
        if cycle is None or cycle.response_complete:
            return
        cycle.waiting_for_100_continue = False
        asked = half_close.question(
            cycle.scope["http_version"],
            has_begun=cycle.response_started,
            is_chunked_event_stream=self._sends_events and cycle.chunked_encoding is True,
        )
        if asked is not None:
            self.transport.write(asked)

    def _abort_if_reset(self) -> None:
        if half_close.is_reset(self.transport):
            self.transport.abort()

    def _objection(self, method: bytes) -> Refusal | None:
        is_probe = method in (b"GET", b"HEAD") and self.url.partition(b"?")[0].decode("ascii", "replace") in PROBES
        return TOO_MANY if self._is_in_reserve and not is_probe else None

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._stage == "body":  # Otherwise the head is parsed once more.
            self._unanswered += 1
            self.cycle.keep_alive = self.cycle.keep_alive and not self._is_in_reserve

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
            if message["type"] == "http.response.start":
                if cycle.more_body:
                    cycle.keep_alive = False  # Client and server might disagree on whether the body still follows.
                kinds = [value for name, value in message.get("headers", ()) if name.lower() == b"content-type"]
                self._sends_events = any(kind.startswith(EVENT_STREAM.encode()) for kind in kinds)
            await send(message)

        if not cycle.disconnected:
            await app(scope, receive, send_and_close_if_early)

    def _enter(self, stage: Stage) -> None:
        super()._enter(stage)
        seconds = {"idle": None, "head": self._head_timeout_s, "body": self._limits.body_timeout_s}[stage]
        self._deadline = None if seconds is None else self.loop.time() + seconds

    @property
    def _head_timeout_s(self) -> float:
        longest_s = self._limits.header_timeout_s
        return min(longest_s, _RESERVE_TIMEOUT_S) if self._is_in_reserve else longest_s

    def _refuse(self, refusal: Refusal) -> None:
        """Answers without the application, and takes nothing more."""
        self._metrics.protocol_refused(refusal.status.value)
        is_at_fault_unanswered = self._stage == "body" and not self.cycle.response_started
        if self._unanswered == is_at_fault_unanswered:  # Otherwise the client would take this for another answer.
            self.transport.write(refusal.as_bytes(self.url, has_body=self.parser.get_method() != b"HEAD"))
        self.transport.close()
        self._abandon()

    def _abandon(self) -> None:
        """Tells the application that the client has gone."""
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
