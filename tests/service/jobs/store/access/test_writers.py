"""Writes go one after the other on SQLite, many to a commit, the runner's first; each stands or falls by itself."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import URL, Connection, event, exc, insert, select

from service.errors import StoreUnavailableError
from service.jobs.store.access.writers import OperationQueue
from service.jobs.store.database import Database
from service.jobs.store.tables import probes
from tests.service.jobs.store.test_database import only_sqlite


async def write(database: Database, written_at: float = 0.0) -> None:
    row = {"only": bool(written_at), "written_at": written_at}
    await database.write(lambda connection: connection.execute(insert(probes), row))


@contextlib.asynccontextmanager
async def busy(database: Database) -> AsyncIterator[None]:
    """Occupies the database's writers for the duration of the block."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def linger(_: Connection) -> None:
        begun.release()
        go_on.wait(60)

    lingering = [
        asyncio.create_task(database.write(linger, urgent=True)) for _ in range(1 if database.is_sqlite else 4)
    ]
    for _ in lingering:
        await asyncio.to_thread(begun.acquire)
    try:
        yield
    finally:
        go_on.set()
        await asyncio.gather(*lingering)


async def read(database: Database) -> list[float]:
    return await database.read(lambda connection: list(connection.execute(select(probes.c.written_at)).scalars()))


@only_sqlite
async def test_writers_share_a_commit_and_one_that_fails_leaves_no_trace(database: Database) -> None:
    commits = 0

    def count_commits(_: object) -> None:
        nonlocal commits
        commits += 1

    event.listen(database._engine, "commit", count_commits)
    async with busy(database):
        written = [asyncio.create_task(write(database, float(number % 2))) for number in range(4)]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*written, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), exc.IntegrityError, exc.IntegrityError]
    assert commits == 2, "of the write that kept the writer busy, and of the others together"
    assert await read(database) == [0.0, 1.0]


async def test_urgent_writes_go_first(database: Database) -> None:
    order: list[str] = []
    async with busy(database):
        later = asyncio.create_task(database.write(lambda _: order.append("caller")))
        await asyncio.sleep(0)
        urgent = asyncio.create_task(database.write(lambda _: order.append("runner"), urgent=True))
        await asyncio.sleep(0)
    await asyncio.gather(later, urgent)

    if database.is_sqlite:
        assert order == ["runner", "caller"]
    else:
        assert sorted(order) == ["caller", "runner"], "PostgreSQL has several writers"


async def test_no_more_callers_wait_for_the_writer_than_may(url: URL) -> None:
    database = Database(url, max_waiting=1)
    async with busy(database):
        waits = asyncio.create_task(write(database))
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailableError, match="busy"):
            await write(database, 1.0)
        urgent = asyncio.create_task(database.write(lambda _: "done", urgent=True))
        await asyncio.sleep(0)

    assert await urgent == "done"
    await waits
    assert await read(database) == [0.0]
    await database.close()


async def test_a_writer_that_waits_too_long_is_refused_and_the_database_stays_available(url: URL) -> None:
    database = Database(url, turn_s=0.05)
    async with busy(database):
        with pytest.raises(StoreUnavailableError, match="busy") as refused:
            await write(database)
        assert refused.value.retry_after_s is not None
        assert database.available

    await asyncio.wait_for(database.write(lambda _: None, urgent=True), 60)
    assert await read(database) == [], "what was refused is not written later"
    await database.close()


async def test_a_write_that_is_canceled_while_it_waits_is_not_done(database: Database) -> None:
    async with busy(database):
        task = asyncio.create_task(write(database, 1.0))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await write(database)
    assert await read(database) == [0.0]


async def test_a_caller_that_is_canceled_while_its_write_runs_learns_of_it_when_that_has_ended(
    database: Database,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def write_slowly(connection: Connection) -> None:
        begun.set()
        go_on.wait(60)
        connection.execute(insert(probes), {"only": True, "written_at": 1.0})

    task = asyncio.create_task(database.write(write_slowly))
    await asyncio.to_thread(begun.wait, 60)
    task.cancel()
    await asyncio.sleep(0.01)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await read(database) == [1.0], "it was too late to take it back"


def test_a_closed_queue_takes_nothing_and_gives_nothing() -> None:
    queue = OperationQueue(max_waiting=1)
    queue.close()

    assert queue.take(9) == []
