"""A transport that closes without destroying the answer that it has just sent (RFC 9112, section 9.6).

A socket that is closed while bytes of the client wait unread answers with a reset, and the reset can overtake the
answer. So `close` ends only our side, and further data of the client is dropped until it closes too or goes quiet.
The module knows sockets and no HTTP.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

QUIET_S: Final = 2.0
"""Seconds. A client that sends nothing for this long after `close` is taken to have stopped sending."""


class LingeringTransport(asyncio.Transport):
    """Wraps the event loop's transport of one connection."""

    def __init__(self, inner: asyncio.Transport, loop: asyncio.AbstractEventLoop, longest_s: float) -> None:
        """`longest_s` bounds the seconds for which a closed connection is read."""
        super().__init__()
        self._inner = inner
        self._loop = loop
        self._longest_s = longest_s
        self._closed_at: float | None = None
        """The loop's time of `close`."""
        self._heard_at = 0.0
        """The loop's time of the latest byte after `close`."""
        self._client_has_ended = False
        self.written = 0
        """Number of bytes written so far."""

    def close(self) -> None:
        """Sends the buffer and the end of the stream, and ends the connection once the client has stopped sending."""
        if self.is_closing():
            return
        if self._client_has_ended:
            self.close_at_once()
            return
        self._closed_at = self._heard_at = self._loop.time()
        self._inner.resume_reading()
        try:
            self._inner.write_eof()
        except OSError:  # The client has reset the connection.
            self._inner.abort()
            return
        self._loop.call_later(QUIET_S, self._close_if_quiet)

    def client_has_ended(self) -> None:
        """Records that the client sends nothing more, so that `close` need not wait for it."""
        self._client_has_ended = True

    def drop(self) -> None:
        """Records that data came after `close`."""
        self._heard_at = self._loop.time()

    def close_at_once(self) -> None:
        """Sends the buffer, and reads nothing more."""
        self._closed_at = self._loop.time()
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()

    def _close_if_quiet(self) -> None:
        now = self._loop.time()
        quiet_s, closed_s = now - self._heard_at, now - (self._closed_at or 0.0)
        is_sent = self._inner.get_write_buffer_size() == 0
        if self._inner.is_closing() or (is_sent and (quiet_s >= QUIET_S or closed_s >= self._longest_s)):
            self._inner.close()
        else:
            self._loop.call_later(QUIET_S / 4, self._close_if_quiet)

    def is_closing(self) -> bool:
        return self._closed_at is not None or self._inner.is_closing()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Writes data, but drops data after `close`, as every transport does."""
        if not self.is_closing():
            self.written += len(data)
            self._inner.write(data)

    def pause_reading(self) -> None:
        if not self.is_closing():
            self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size()
