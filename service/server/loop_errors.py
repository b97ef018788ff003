"""Logs what an event loop could not tell anybody else, but no storm of it.

A process without a free descriptor fails to accept each connection that waits, again and again. That would fill the log
with the same line, and take the time in which the server could recover.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog

_SAY_EVERY_S: Final = 10.0

_log = structlog.get_logger("darkroom.server")


class LoopErrors:
    """A handler for `loop.set_exception_handler`."""

    def __init__(self) -> None:
        self._unsaid = 0
        """Failures to accept a connection that no line has told of."""
        self._say_at: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or "socket" not in context or "transport" in context:
            loop.default_exception_handler(context)
            return
        self._unsaid += 1
        now = loop.time()
        if self._say_at is None or now >= self._say_at:
            _log.error("connections cannot be accepted", reason=error.strerror, failures=self._unsaid)
            self._unsaid, self._say_at = 0, now + _SAY_EVERY_S
