"""The worker's end of the process border: one thread reads and one writes, so that neither waits for the other.

Runs in the worker's process. The outgoing queue is bounded by dropping messages that may be dropped. Finished
images may not be: the loop begins no further images while `unsent_images` is high. A worker whose frontend is gone
exits at once, even in the middle of a call.
"""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, Final, Protocol, cast

import msgspec

from service.engine.messages import (
    LENGTH,
    MAX_MESSAGE_BYTES,
    Beat,
    CallDone,
    Finished,
    FromWorker,
    Preview,
    Progress,
    ToWorker,
    pack,
)

_TO_WORKER: Final = msgspec.msgpack.Decoder(ToWorker)
_MAX_PENDING: Final = 64
"""Length of the outgoing queue at which droppable messages are dropped."""
_DROPPABLE: Final = Progress | Preview | CallDone | Beat
EXIT_ORPHANED: Final = 70
"""Exit status of a worker whose frontend is gone."""


def is_closed(connection: socket.socket) -> bool:
    """Returns whether the other end of a stream socket is closed and everything that it sent has been read."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


class Channel(Protocol):
    """The process border for the worker's loop. Only `receive` blocks, and only up to its timeout."""

    @property
    def congested(self) -> bool:
        """Whether droppable messages are dropped at the moment."""

    @property
    def unsent_images(self) -> int:
        """Number of finished images that wait to be sent."""

    def receive(self, timeout_s: float) -> list[ToWorker]:
        """Returns all messages that have arrived. Waits at most `timeout_s` for the first."""

    def send(self, message: FromWorker) -> None: ...

    def send_later(self, make: Callable[[], FromWorker]) -> None:
        """Sends the message that `make` returns, or drops it before it is made. Any thread may call `make`."""


class SocketChannel:
    """A `Channel` over a connected stream socket, which it owns."""

    def __init__(self, connection: socket.socket, *, on_lost: Callable[[int], object] = os._exit) -> None:
        """`on_lost` is called with an exit status, from a thread, when the other end is gone or breaks the protocol."""
        self._socket = connection
        self._on_lost = on_lost
        self._inbox: queue.SimpleQueue[ToWorker] = queue.SimpleQueue()
        self._outbox: deque[FromWorker | Callable[[], FromWorker]] = deque()
        self._changed = threading.Condition()
        self._unsent_images = 0
        self._closing = False
        self._writer = threading.Thread(target=self._write, name="channel-writer", daemon=True)
        self._writer.start()
        threading.Thread(target=self._read, name="channel-reader", daemon=True).start()

    @property
    def congested(self) -> bool:
        return len(self._outbox) >= _MAX_PENDING

    @property
    def unsent_images(self) -> int:
        return self._unsent_images

    def receive(self, timeout_s: float) -> list[ToWorker]:
        messages: list[ToWorker] = []
        try:
            messages.append(self._inbox.get(timeout=timeout_s) if timeout_s > 0 else self._inbox.get_nowait())
            while True:
                messages.append(self._inbox.get_nowait())
        except queue.Empty:
            return messages

    def send(self, message: FromWorker) -> None:
        if self.congested and isinstance(message, _DROPPABLE):
            return
        with self._changed:
            self._outbox.append(message)
            self._unsent_images += isinstance(message, Finished)
            self._changed.notify()

    def send_later(self, make: Callable[[], FromWorker]) -> None:
        if not self.congested:
            with self._changed:
                self._outbox.append(make)
                self._changed.notify()

    def close(self) -> None:
        """Sends what is left, then closes the connection."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._writer.join()
        with contextlib.suppress(OSError):  # The other end may be closed already.
            self._socket.shutdown(socket.SHUT_RDWR)  # Ends the reader thread, which close alone would not.
        self._socket.close()

    def _read(self) -> None:
        # A buffered file returns exactly as many bytes as requested, or fewer only at the end of the stream.
        with cast(BinaryIO, self._socket.makefile("rb")) as stream:
            try:
                while len(header := stream.read(LENGTH.size)) == LENGTH.size:
                    (length,) = LENGTH.unpack(header)
                    if length > MAX_MESSAGE_BYTES:
                        break
                    self._inbox.put(_TO_WORKER.decode(stream.read(length)))
            except (OSError, ValueError):
                pass  # A broken connection and a broken message both end the connection.
        if not self._closing:
            self._on_lost(EXIT_ORPHANED)

    def _write(self) -> None:
        while (message := self._next_message()) is not None:
            try:
                self._socket.sendall(pack(message))
            except OSError:
                self._on_lost(EXIT_ORPHANED)
                return
            with self._changed:
                self._unsent_images -= isinstance(message, Finished)

    def _next_message(self) -> FromWorker | None:
        """Waits for the next message; returns None after the last one."""
        with self._changed:
            self._changed.wait_for(lambda: self._outbox or self._closing)
            found = self._outbox.popleft() if self._outbox else None
        return found() if callable(found) else found
