"""Connects to SQLite or PostgreSQL, runs transactions, and tracks whether the database works. Knows no tables.

A transaction is a function of a connection. On SQLite one thread runs those that write, many to a commit, and
reads run at once on the event loop, since they wait for nobody. On PostgreSQL both have threads of their own.

Failures of the database itself (full, locked, slow, gone) are raised as `StoreUnavailableError`, without the driver's
message. Callers report them and try again.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import URL, Connection, exc, make_url

from service.errors import StoreUnavailableError
from service.jobs.store.access.clock import StoreClock
from service.jobs.store.access.connections import TRANSACTION_S, HeldConnection, open_engine
from service.jobs.store.access.faults import fault_message, fault_name, is_fault, lasting_fault
from service.jobs.store.access.writers import CLOSE_S, Operation, Outcome, Writers
from service.observability.store_metrics import StoreMetrics

_RETRY_S: Final = 2.0
_READER_THREADS: Final = 4
_MAX_WAITING: Final = 1000
"""Callers' writes that may wait. The writer needs about two seconds for them."""

T = TypeVar("T")

_log = structlog.get_logger("darkroom.jobs")


class Database:
    """One database. All methods belong to one event loop, and may raise `StoreUnavailableError`."""

    def __init__(
        self,
        url: URL,
        *,
        turn_s: float = 10.0,
        outage_s: float = 1.0,
        max_waiting: int = _MAX_WAITING,
        clock: StoreClock | None = None,
        metrics: StoreMetrics | None = None,
    ) -> None:
        """`turn_s` is the maximum number of seconds that a writer waits for the writers before it.

        After a failure callers are refused at once for `outage_s` seconds. No more than `max_waiting` of their writes
        may wait.
        """
        self.is_sqlite: Final = url.get_backend_name() == "sqlite"
        self.clock: Final = clock or StoreClock(shared=not self.is_sqlite)
        self._metrics = metrics or StoreMetrics()
        self._turn_s = turn_s
        self._outage_s = outage_s
        self._engine = open_engine(url)
        self._writers: Final = Writers(self._engine, max_waiting=max_waiting, told=self._tell)
        self._reader = HeldConnection(open_engine(url, waits=False), immediate=False)
        self._reading = ThreadPoolExecutor(_READER_THREADS, thread_name_prefix="reader")
        self._of_thread = threading.local()
        self._opened: list[HeldConnection] = [self._reader]
        self._available = True
        self.lasting_fault: str | None = None
        """A sentence about the last failure, if it does not go away by itself."""
        self._writes_refused_until = 0.0
        self._reads_refused_until = 0.0

    @property
    def available(self) -> bool:
        """False after a failed access, until a write succeeds."""
        return self._available

    async def write(self, work: Callable[[Connection], T], *, urgent: bool = False, synced: bool = True) -> T:
        """Runs `work` in a transaction and returns its result once that is committed to disk.

        It is rolled back where `work` raises. `urgent` writes go before the others, are not bounded in number and are
        tried during an outage too. Without `synced` a power failure may undo the transaction. `work` runs in
        another thread. Raises what `work` raises and `StoreUnavailableError`.
        """
        if not urgent and time.monotonic() < self._writes_refused_until:
            raise _unreachable()
        operation = Operation(work, asyncio.get_running_loop().create_future(), synced)
        if not self._writers.put(operation, urgent=urgent):
            raise _busy()
        begun = time.perf_counter()
        try:
            result: T = await self._outcome(operation)
            return result
        finally:
            self._metrics.store_access("write", time.perf_counter() - begun)

    async def probe_lock(self) -> None:
        """Opens a transaction for writing and writes nothing, to find out whether another program holds the database.

        An idle server notices trouble this way without touching the disk.
        """
        operation = Operation(lambda _: None, asyncio.get_running_loop().create_future(), synced=False, is_probe=True)
        if self._writers.put(operation, urgent=True):
            await self._outcome(operation)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in a read-only transaction and returns its result.

        `work` must be short: on SQLite it runs on the event loop.
        """
        if not self.is_sqlite:
            return await self.scan(work)
        self._require_reads()
        begun = time.perf_counter()
        try:
            return _in_transaction(self._reader, work)
        except Exception as error:  # noqa: BLE001 -- translated and raised
            raise self._translated(error) from None
        finally:
            self._metrics.store_access("read", time.perf_counter() - begun)

    async def scan(self, work: Callable[[Connection], T]) -> T:
        """Runs `work`, which may take long, in a read-only transaction in another thread. Returns its result."""
        self._require_reads()
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(TRANSACTION_S):
                run = partial(copy_context().run, self._in_own_connection, work)
                return await asyncio.get_running_loop().run_in_executor(self._reading, run)
        except Exception as error:  # noqa: BLE001 -- translated and raised
            raise self._translated(error) from None
        finally:
            self._metrics.store_access("read", time.perf_counter() - begun)

    async def learn_time(self) -> None:
        """Brings `clock` up to date. Call it before the clock is used, and now and then."""
        if not self.is_sqlite:
            await self.scan(self.clock.learn)

    async def close(self) -> None:
        """Writes the waiting operations, and closes all connections."""
        for held in self._opened:
            held.interrupt()
        # A connection may be closed only once no thread uses it. One that hangs is left to the end of the process.
        reading = asyncio.get_running_loop().run_in_executor(None, self._reading.shutdown)
        writing = asyncio.create_task(self._writers.close())
        await asyncio.wait({reading, writing}, timeout=CLOSE_S)
        await writing
        if reading.done():
            for held in self._opened:
                held.close()

    async def _outcome(self, operation: Operation) -> Any:
        """Waits until it is the operation's turn, and then until it is done.

        A caller that is canceled meanwhile sees that only once the operation is withdrawn or done, so that it does not
        clean up things that are recorded afterwards.
        """
        done = operation.done
        try:
            await asyncio.wait([done], timeout=self._turn_s)
        except asyncio.CancelledError:
            if not self._writers.withdraw(operation):
                with contextlib.suppress(StoreUnavailableError):
                    await self._ended(operation)
            raise
        if not done.done():
            if self._writers.withdraw(operation):
                raise _busy()
            await self._ended(operation)
        return done.result()

    async def _ended(self, operation: Operation) -> None:
        """Waits for an operation that has begun. Raises `StoreUnavailableError` where the database does not answer."""
        await asyncio.wait([operation.done], timeout=TRANSACTION_S)
        if not operation.done.done():
            self._record_fault(TimeoutError("no answer"))
            raise _unreachable()
        operation.done.exception()  # Its error may have no other reader.

    def _in_own_connection(self, work: Callable[[Connection], T]) -> T:
        held: HeldConnection | None = getattr(self._of_thread, "held", None)
        if held is None:
            held = self._of_thread.held = HeldConnection(self._engine, immediate=False)
            self._opened.append(held)
        return _in_transaction(held, work)

    def _tell(self, outcomes: Sequence[Outcome], fault: BaseException | None) -> None:
        if fault is not None:
            self._record_fault(fault)
        elif not all(operation.is_probe for operation, _, _ in outcomes):
            self._record_success()
        for operation, result, error in outcomes:
            if operation.done.done():
                continue  # Its caller has given up.
            if error is None:
                operation.done.set_result(result)
            else:
                operation.done.set_exception(_unreachable() if error is fault else error)

    def _require_reads(self) -> None:
        if time.monotonic() < self._reads_refused_until:
            raise _unreachable()

    def _translated(self, error: Exception) -> Exception:
        """Returns the error that the caller of a read should see, and records a fault."""
        if not is_fault(error):
            return error
        self._reads_refused_until = time.monotonic() + self._outage_s
        self._record_fault(error)
        return _unreachable()

    def _record_fault(self, error: BaseException) -> None:
        self._metrics.store_failed(fault_name(error))
        self.lasting_fault = lasting_fault(error)
        if self._available:
            _log.error("the job store is unavailable", fault=fault_name(error), message=fault_message(error))
        self._available = False
        self._writes_refused_until = time.monotonic() + self._outage_s

    def _record_success(self) -> None:
        if not self._available:
            _log.info("the job store is available again")
        self._available = True
        self.lasting_fault = None
        self._writes_refused_until = self._reads_refused_until = 0.0


def database_url(url: str | None, data_dir: Path) -> URL:
    """Returns the SQLAlchemy URL for a setting: `postgresql://...`, `postgres://...` or `sqlite:///path`.

    None stands for a SQLite file in `data_dir`. Raises ValueError for any other URL, without repeating it, since it may
    hold a password.
    """
    if url is None:
        return URL.create("sqlite", database=str(data_dir / "jobs.sqlite3"))
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise ValueError("the database must be a URL: postgresql://... or sqlite:///path") from None
    match parsed.get_backend_name():
        case "sqlite" if parsed.database and parsed.database != ":memory:":
            return parsed.set(drivername="sqlite")
        case "postgres" | "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        case _:
            raise ValueError("the database must be postgresql://... or sqlite:///path")


def _in_transaction(held: HeldConnection, work: Callable[[Connection], T]) -> T:
    try:
        connection = held.get()
        with connection.begin():
            return work(connection)
    except Exception as error:
        if is_fault(error):
            held.close()
        raise


def _busy() -> StoreUnavailableError:
    return StoreUnavailableError("The job store is busy.", retry_after_s=_RETRY_S)


def _unreachable() -> StoreUnavailableError:
    return StoreUnavailableError("The job store cannot be reached.", retry_after_s=_RETRY_S)
