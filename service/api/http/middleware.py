"""Gives every request an id, a log line, its place in metrics and traces, and answers unforeseen exceptions."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.errors import METHODS, ErrorAnswers
from service.api.http.sse import EVENT_STREAM
from service.errors import DarkroomError
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, RequestSpan, Traces

PROBES: Final = frozenset({"/livez", "/readyz", "/health"})
"""Paths that are asked every few seconds. Their lines would hide all others, so they are logged at the level debug, and
they are not traced."""

_log = structlog.get_logger("darkroom.http")


class RequestContext:
    """An ASGI middleware, outside all that may answer a request, so that every answer carries its headers."""

    def __init__(self, app: ASGIApp, *, answers: ErrorAnswers, metrics: Metrics, traces: Traces = NO_TRACES) -> None:
        self._app = app
        self._answers = answers
        self._metrics = metrics
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traces = NO_TRACES if scope["path"] in PROBES else self._traces
        with traces.request(scope["headers"]) as span:
            await self._answer(scope, receive, send, span)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, span: RequestSpan) -> None:
        request_id = f"req_{secrets.token_hex(16)}"
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        if span.trace_id:
            structlog.contextvars.bind_contextvars(trace_id=span.trace_id)
        started_at = time.monotonic()
        status = 0
        until_end = contextlib.ExitStack()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                if headers.get("Content-Type", "").startswith(EVENT_STREAM):
                    until_end.enter_context(self._metrics.event_stream())
                headers["X-Request-Id"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                # The answer is for its caller alone: without this field a proxy or a browser might store it.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            if status:
                raise  # The answer has begun: the server can only cut it short.
            _log.exception("unforeseen error")
            await self._answers.answer(DarkroomError(), scope["path"])(scope, receive, send_with_headers)
        finally:
            until_end.close()
            self._record(scope, status, time.monotonic() - started_at, span)

    def _record(self, scope: Scope, status: int, seconds: float, span: RequestSpan) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        matched: str | None = getattr(scope.get("route"), "path", None)
        span.answered(method, matched, status)
        route = "unmatched" if matched is None else matched
        self._metrics.request_answered(method, route, status, seconds)
        # The raw path is percent-encoded ASCII. The query string may hold secrets and is not logged, nor is the path of
        # a request that was refused: it may be anything. Its route stands for it.
        path = scope["raw_path"].decode("ascii", "replace")[:200]
        level = logging.DEBUG if path in PROBES else logging.INFO
        path = route if 400 <= status < 500 else path
        _log.log(level, "request", method=method, path=path, status=status, duration_ms=round(seconds * 1000, 1))
