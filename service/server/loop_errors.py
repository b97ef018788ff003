"""Logs errors that an event loop could not report elsewhere, at a bounded rate.

A process without a free descriptor repeatedly fails to accept each waiting connection. That would fill the log with the
same line, and take the time in which the server could recover.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog

_LOG_EVERY_S: Final = 10.0

_log = structlog.get_logger("darkroom.server")


class LoopErrors:
    """A handler for `loop.set_exception_handler`."""

    def __init__(self) -> None:
        self._unlogged = 0
        """Number of failures to accept a connection since the last line."""
        self._log_at: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or "socket" not in context or "transport" in context:
            loop.default_exception_handler(context)
            return
        self._unlogged += 1
        now = loop.time()
        if self._log_at is None or now >= self._log_at:
            _log.error("connections cannot be accepted", reason=error.strerror, failures=self._unlogged)
            self._unlogged, self._log_at = 0, now + _LOG_EVERY_S
