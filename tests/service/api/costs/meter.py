"""Counts the work that a request causes, and never the time that it takes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
from sqlalchemy import Engine, event

_TIMES: Final = 3
_PAUSE_S: Final = 0.01
_IO: Final = Path("/proc/self/io")
_STATEMENTS: Final[ContextVar[list[str] | None]] = ContextVar("statements", default=None)
"""SQL statements of the current request. The store's threads inherit the context, and so add to the same list."""


class Cost(NamedTuple):
    """The cost of one request, or the most that it may cost. The server and its client are one process."""

    statements: int
    """SQL statements of the request. Those of the server's background tasks are not counted, however long it takes."""
    answer_bytes: int
    read_bytes: int
    """Bytes that were read from files, cached or not. 0 where the operating system does not count them."""
    peak_bytes: int
    """Most bytes of memory that Python held at once, beyond those that it held before."""

    def exceeds(self, bound: Cost) -> bool:
        return any(each > most for each, most in zip(self, bound, strict=True))


async def measure(send: Callable[[], Awaitable[httpx2.Response]]) -> Cost:
    """Sends a request a few times. Returns the least of each count, because the server does other things meanwhile."""
    with _statements_noted(), _traced():
        costs = [await _once(send) for _ in range(_TIMES)]
    return Cost(*map(min, *costs))


async def _once(send: Callable[[], Awaitable[httpx2.Response]]) -> Cost:
    await asyncio.sleep(_PAUSE_S)  # Callbacks of the event loop release the request before.
    gc.collect()
    executed: list[str] = []
    before = _STATEMENTS.set(executed)
    tracemalloc.reset_peak()
    held, read = tracemalloc.get_traced_memory()[0], _bytes_read()
    answer = await send()
    _STATEMENTS.reset(before)
    answer.raise_for_status()
    peak = tracemalloc.get_traced_memory()[1] - held
    return Cost(len(executed), len(answer.content), _bytes_read() - read, peak)


@contextlib.contextmanager
def _statements_noted() -> Iterator[None]:
    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        executed = _STATEMENTS.get()
        if executed is not None:
            executed.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@contextlib.contextmanager
def _traced() -> Iterator[None]:
    gc.freeze()  # Collections need not search the objects that exist already.
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.unfreeze()


def _bytes_read() -> int:
    if not _IO.exists():
        return 0
    return int(_IO.read_text().split()[1])
