"""Tells the other processes on a PostgreSQL database what this one did, and hears what they did (LISTEN and NOTIFY).

It sends each notice after the transaction that it is about has been committed: a NOTIFY inside a transaction would let
only one transaction of the whole database commit at a time. Nothing depends on a notice arriving.

https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import psycopg
import structlog
from sqlalchemy import URL

from service.jobs.store.access.connections import open_engine
from service.jobs.store.access.faults import FAULTS, fault_message, fault_name

_CHANNEL: Final = "darkroom_jobs"
_WAITING: Final = "waiting"
"""The word in a notice, among job ids, that says that a job waits to be run."""
_SEND_EVERY_S: Final = 0.05
_PING_S: Final = 10.0
"""Seconds of silence after which a connection is tested: the server may have gone without closing it."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_JOIN_S: Final = 5.0
_MAX_PAYLOAD: Final = 7900
"""Bytes of a notice. PostgreSQL takes fewer than 8000."""
_MAX_PENDING: Final = 10_000
"""Ids that may wait to be sent. The other processes find further changes in the store themselves."""

Hear: TypeAlias = Callable[[Sequence[str], bool], None]
"""Takes the ids of jobs that others have changed, and whether a job waits to be run."""

_log = structlog.get_logger("darkroom.jobs")


class PostgresChannel:
    """Implements `Channel` with a thread and a connection of its own. All methods belong to one event loop."""

    def __init__(self, url: URL) -> None:
        self._engine = open_engine(url)
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._waker, self._woken = socket.socketpair()
        self._listening = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def listening(self) -> bool:
        """Whether the announcements of the other processes arrive here."""
        return self._listening

    def start(self, hear: Hear) -> None:
        """Connects in the background, repeatedly where that fails, and calls `hear` on the running event loop."""
        arguments = (asyncio.get_running_loop(), hear)
        self._thread = threading.Thread(target=self._run, args=arguments, name="channel", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Sends what was announced, and closes the connection."""
        self._closing.set()
        self._wake()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _JOIN_S)

    def announce(self, job_id: str) -> None:
        """Tells the others soon that a job has changed."""
        with self._lock:
            is_first = not self._pending
            if len(self._pending) < _MAX_PENDING:
                self._pending.add(job_id)
        if is_first:
            self._wake()

    def announce_waiting(self) -> None:
        """Tells the others soon that a job waits to be run."""
        self.announce(_WAITING)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # It is full of wake-ups, or closed.
            self._waker.send(b"\0", socket.MSG_DONTWAIT)

    def _run(self, loop: asyncio.AbstractEventLoop, hear: Hear) -> None:
        def pass_on(changed: Sequence[str], waiting: bool) -> None:
            loop.call_soon_threadsafe(hear, changed, waiting)

        pause_s = _FIRST_PAUSE_S
        while not self._closing.is_set():
            try:
                with self._connection() as connection:
                    self._serve(connection, pass_on)
            except (*FAULTS, psycopg.Error) as error:
                pause_s = _FIRST_PAUSE_S if self._listening else min(2 * pause_s, _LONGEST_PAUSE_S)
                _log.warning("not told by other servers", fault=fault_name(error), message=fault_message(error))
            self._listening = False
            self._closing.wait(pause_s)
        self._engine.dispose()
        self._waker.close()
        self._woken.close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        pooled = self._engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, psycopg.Connection), "the engine's driver is psycopg"
        pooled.detach()  # It is closed here, and not reset first: its server may have gone.
        with contextlib.closing(connection):
            connection.autocommit = True
            yield connection

    def _serve(self, connection: psycopg.Connection[Any], hear: Hear) -> None:
        """Sends and receives until the channel is closed. Raises what the driver raises."""
        connection.execute("SET synchronous_commit = off")
        connection.execute(f"LISTEN {_CHANNEL}")
        # Through a pooler that shares connections this notice never comes back, and no other would.
        _send(connection, [""])
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            send_at = 0.0
            while not self._closing.is_set():
                self._receive(connection, hear)
                wait_s = max(0.0, send_at - time.monotonic()) if self._pending else _PING_S
                ready = {key.fileobj for key, _ in selector.select(wait_s)}
                if self._woken in ready:
                    self._woken.recv(4096)
                if self._pending and time.monotonic() >= send_at:
                    self._send_pending(connection)
                    send_at = time.monotonic() + _SEND_EVERY_S
                elif not ready:
                    connection.execute("SELECT 1")
            self._send_pending(connection)

    def _send_pending(self, connection: psycopg.Connection[Any]) -> None:
        with self._lock:
            sent, self._pending = self._pending, set()
        _send(connection, payloads(sent))

    def _receive(self, connection: psycopg.Connection[Any], hear: Hear) -> None:
        heard: set[str] = set()
        for sender, payload in _notices(connection):
            if sender != connection.info.backend_pid:
                heard.update(payload.split())
            elif not self._listening:
                self._listening = True
                heard.add(_WAITING)  # It may have been announced before.
        if heard:
            hear(sorted(heard - {_WAITING}), _WAITING in heard)


def _notices(connection: psycopg.Connection[Any]) -> Iterator[tuple[int, str]]:
    """Yields sender and payload of the notices that have arrived, without waiting."""
    for notice in connection.notifies(timeout=0):
        yield notice.pid, notice.payload
    while (late := connection.pgconn.notifies()) is not None:  # It came together with the answer to a statement.
        yield late.be_pid, late.extra.decode()


def payloads(words: Iterable[str]) -> list[str]:
    """Joins words to as few texts as PostgreSQL takes."""
    texts: list[str] = []
    for word in words:
        if texts and len(texts[-1]) + 1 + len(word) <= _MAX_PAYLOAD:
            texts[-1] += f" {word}"
        else:
            texts.append(word)
    return texts


def _send(connection: psycopg.Connection[Any], texts: Sequence[str]) -> None:
    if texts:
        connection.execute("SELECT pg_notify(%s, text) FROM unnest(%s::text[]) AS text", (_CHANNEL, list(texts)))
