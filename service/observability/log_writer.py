"""Writes log lines in a thread of its own, so that logging never waits for the reader of the log.

The queue is bounded. A line that finds no room is dropped, and once the reader reads again, a line in its place tells
how many are missing. Knows bytes and no logging.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TextIO

MAX_QUEUED: Final = 4 << 20
"""Number of characters that may wait, about ten thousand lines."""
_LINE_OVERHEAD: Final = 128
"""Bytes of memory that a waiting line takes besides its characters."""


class LogWriter:
    def __init__(
        self, write: Callable[[str], object], tell_gap: Callable[[int], str], *, max_queued: int = MAX_QUEUED
    ) -> None:
        """`write` may block, and is called only in the thread. `tell_gap` makes the line about dropped ones."""
        self._write = write
        self._tell_gap = tell_gap
        self._room = max_queued
        self._changed = threading.Condition()  # Its lock is reentrant: a finalizer may log while a line is queued.
        self._queue: deque[tuple[int, str]] = deque()
        """Lines, each with the number of lines that were dropped just before it."""
        self._gap = 0
        """Number of lines that were dropped after the last one of the queue."""
        self._is_writing = False
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Number of lines dropped so far."""

    def put(self, line: str) -> None:
        """Queues a line, or drops it where there is no room. Never waits for the reader."""
        with self._changed:
            if self._is_closed or self._room < len(line) + _LINE_OVERHEAD:
                self._gap += 1
                self.dropped += 1
                return
            self._room -= len(line) + _LINE_OVERHEAD
            self._queue.append((self._gap, line))
            self._gap = 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Waits until everything queued is written, for at most `timeout_s`. Returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._queue or self._is_writing), timeout_s)

    def close(self) -> None:
        """Ends the thread once it has written what is queued. Further lines are dropped."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            gap, line = taken
            for each in ([self._tell_gap(gap)] if gap else []) + ([line] if line else []):
                # The reader may be gone for good, and there is nowhere to report it.
                with contextlib.suppress(OSError, ValueError):
                    self._write(each)

    def _take(self) -> tuple[int, str] | None:
        """Returns the next gap and line, either of which may be empty; None at the end."""
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._gap or self._is_closed)
            if self._queue:
                gap, line = self._queue.popleft()
                self._room += len(line) + _LINE_OVERHEAD
            elif self._gap and not self._is_closed:
                gap, line, self._gap = self._gap, "", 0
            else:
                return None
            self._is_writing = True
            return gap, line


def sink(stream: TextIO) -> Callable[[str], object]:
    """Returns a function that writes lines to `stream`.

    It bypasses the stream's buffer if it can: a thread that holds the buffer's lock in a blocked write would keep the
    interpreter from exiting.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # The stream is not a file, as in tests.
        return stream.write
    return lambda line: _write_all(descriptor, line.encode("utf-8", "backslashreplace"))


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # Another process that shares the terminal or pipe has made it non-blocking.
            select.select([], [descriptor], [])
