"""Finds clients that read an answer too slowly, from the number of bytes that their machines have acknowledged.

Within a window of time a client must take a number of bytes, or all that waited when the window began if that is less,
so a stream that has little to send asks little of its reader. The rate is measured over a whole window because
networks pause. `ReaderWatch` knows no sockets.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from typing import Final

_INT: Final = struct.Struct("i")
_LINGER: Final = struct.Struct("ii")


class ReaderWatch:
    """Watches the client of one connection."""

    def __init__(self, *, window_s: float, min_bytes_per_s: float) -> None:
        self._window_s = window_s
        self._min_bytes = window_s * min_bytes_per_s
        self._since: float | None = None
        """When the window began; None while nothing waits."""
        self._taken = 0
        """Number of bytes that the client had taken then."""
        self._due = 0.0
        """Number of bytes that it must have taken when the window ends."""

    def is_too_slow(self, now: float, written: int, waiting: int) -> bool:
        """Returns whether the client is too slow. `written` counts all bytes so far, `waiting` those not yet taken."""
        taken = written - waiting
        if waiting == 0:
            self._since = None
        elif self._since is None or taken >= self._due:
            self._since, self._taken, self._due = now, taken, taken + max(1.0, min(waiting, self._min_bytes))
        return self._since is not None and now - self._since > self._window_s


def unread_bytes(transport: asyncio.BaseTransport, buffered: int) -> int:
    """Returns how many bytes the client's machine has not acknowledged: `buffered` ones, and those on their way."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0 or connection.family == socket.AF_UNIX:
        return buffered
    (queued,) = _INT.unpack(fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, _INT.pack(0)))
    return buffered + int(queued)


def forget_unsent(transport: asyncio.BaseTransport) -> None:
    """Makes the end of the connection a reset. Otherwise the kernel would keep sending the unsent bytes."""
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
