"""Threads that write to the database: several operations to a transaction on SQLite, one on PostgreSQL.

SQLite has one writer at a time, and a commit costs a sync of the disk. One thread takes all operations that wait and
commits them together; each has a savepoint, so that one which fails leaves no trace and does not touch the
others. PostgreSQL groups the commits of several connections itself, so there each operation has its own transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Engine

from service.jobs.store.access.connections import HeldConnection
from service.jobs.store.access.faults import is_fault

_MAX_GROUP: Final = 128
"""Operations in one transaction. It bounds how long the first of them waits for the last."""
_POSTGRES_THREADS: Final = 4
CLOSE_S: Final = 1.0
"""Seconds in which waiting operations must be written when the server ends."""

Work: TypeAlias = Callable[[Connection], Any]


@dataclass(slots=True, eq=False)
class Operation:
    """Work for a writer's transaction, and the future of its result, which belongs to an event loop."""

    work: Work
    done: asyncio.Future[Any]
    synced: bool
    """Whether the result must be on disk before the caller gets it."""
    is_probe: bool = False
    """Whether it writes nothing, so that its success does not show that writing works."""
    begun: bool = False
    withdrawn: bool = False
    context: Context = field(default_factory=copy_context)
    """The caller's context, so that log lines of the work have the ids of its request."""

    def run(self, connection: Connection) -> Any:
        return self.context.run(self.work, connection)


class OperationQueue:
    """Operations that wait for a writer. Urgent ones go first, and the others are bounded in number."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._urgent: deque[Operation] = deque()
        self._others: deque[Operation] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, operation: Operation, *, urgent: bool) -> bool:
        """Takes an operation. Returns False and refuses it where too many wait or the queue is closed."""
        with self._changed:
            if self._closed or (not urgent and len(self._others) >= self._max_waiting):
                return False
            (self._urgent if urgent else self._others).append(operation)
            self._changed.notify()
            return True

    def take(self, at_most: int) -> list[Operation]:
        """Waits for operations, and returns the first ones, marked as begun.

        Returns none once the queue is closed and empty.
        """
        with self._changed:
            while True:
                taken: list[Operation] = []
                for waiting in (self._urgent, self._others):
                    while waiting and len(taken) < at_most:
                        operation = waiting.popleft()
                        operation.begun = not operation.withdrawn
                        taken += [operation] * operation.begun
                if taken or self._closed:
                    return taken
                self._changed.wait()

    def withdraw(self, operation: Operation) -> bool:
        """Takes an operation back that nobody waits for any more. Returns False where it has begun."""
        with self._changed:
            operation.withdrawn = not operation.begun
            return operation.withdrawn

    def close(self) -> None:
        """Refuses further operations. Those that wait are still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


Outcome: TypeAlias = tuple[Operation, Any, BaseException | None]
"""An operation with its result or its error."""


class Writers:
    """The writer threads of one database. They start with the first operation."""

    def __init__(
        self, engine: Engine, *, max_waiting: int, told: Callable[[Sequence[Outcome], BaseException | None], None]
    ) -> None:
        """`told` is called on the event loop with the outcomes of each transaction, and with its fault, if any."""
        self._engine = engine
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._queue = OperationQueue(max_waiting)
        self._told = told
        self._threads: list[threading.Thread] = []
        self.pause = threading.Lock()
        """Held during each transaction on SQLite. Its holder stops the writer between two transactions."""

    def put(self, operation: Operation, *, urgent: bool) -> bool:
        """Queues an operation. Returns False where too many wait. Call it on the operation's event loop."""
        if not self._threads:
            self._start(operation.done.get_loop())
        return self._queue.put(operation, urgent=urgent)

    def withdraw(self, operation: Operation) -> bool:
        """Withdraws an operation. Returns False where it has begun."""
        return self._queue.withdraw(operation)

    async def close(self) -> None:
        """Ends the threads once waiting operations are written, or after `CLOSE_S`."""
        self._queue.close()
        end = time.monotonic() + CLOSE_S
        for thread in self._threads:
            await asyncio.to_thread(thread.join, max(0.0, end - time.monotonic()))

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in range(1 if self._is_sqlite else _POSTGRES_THREADS):
            thread = threading.Thread(target=self._run, args=(loop,), name=f"writer-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        held = HeldConnection(self._engine, immediate=True)
        group_size = _MAX_GROUP if self._is_sqlite else 1
        while group := self._queue.take(group_size):
            outcomes, fault = self._write(held, group)
            with contextlib.suppress(RuntimeError):  # The event loop has ended, and nobody waits.
                loop.call_soon_threadsafe(self._told, outcomes, fault)
        held.close()

    def _write(self, held: HeldConnection, group: Sequence[Operation]) -> tuple[list[Outcome], BaseException | None]:
        """Runs the operations in one transaction. Where the database fails, all of them fail with it."""
        try:
            if not self._is_sqlite:
                return self._write_one(held.get(), group[0]), None
            with self.pause:
                return self._write_group(held.get(), group), None
        except BaseException as error:  # noqa: BLE001 -- whatever it is, the callers must be told
            held.close()
            return [(operation, None, error) for operation in group], error if is_fault(error) else None

    def _write_one(self, connection: Connection, operation: Operation) -> list[Outcome]:
        try:
            with connection.begin():
                return [(operation, operation.run(connection), None)]
        except Exception as error:
            if is_fault(error):
                raise
            return [(operation, None, error)]

    def _write_group(self, connection: Connection, group: Sequence[Operation]) -> list[Outcome]:
        # An operation that need not be on disk yet gets there with the next commit that must.
        level = "FULL" if any(operation.synced for operation in group) else "NORMAL"
        _driver(connection).execute(f"PRAGMA synchronous = {level}")
        with connection.begin():
            return [self._attempt(connection, operation) for operation in group]

    def _attempt(self, connection: Connection, operation: Operation) -> Outcome:
        driver = _driver(connection)
        driver.execute("SAVEPOINT operation")
        try:
            result, error = operation.run(connection), None
        except Exception as raised:
            if is_fault(raised):
                raise
            driver.execute("ROLLBACK TO operation")
            result, error = None, raised
        driver.execute("RELEASE operation")
        return operation, result, error


def _driver(connection: Connection) -> Any:
    """Returns the driver's connection. Statements without a result cost a tenth of what they cost in SQLAlchemy."""
    return connection.connection.driver_connection
