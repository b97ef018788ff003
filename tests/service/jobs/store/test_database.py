"""A database in trouble raises `StoreUnavailableError`, and works again once the trouble is over."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, exc, insert, make_url, select

from service.errors import NotFoundError, StoreUnavailableError
from service.jobs.store.database import Database, database_url
from service.jobs.store.tables import probes
from tests.harness.postgres import PostgresServer
from tests.service.jobs.conftest import Connect

only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


async def write(database: Database, written_at: float = 0.0) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(probes).values(only=bool(written_at), written_at=written_at))


async def read(database: Database) -> list[float]:
    async with database.reading() as connection:
        return list((await connection.execute(select(probes.c.written_at))).scalars())


@contextlib.contextmanager
def locked(url: URL) -> Iterator[None]:
    """Locks the database from another connection for the duration of the block."""
    assert url.database is not None
    with contextlib.closing(sqlite3.connect(url.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def damage(url: URL) -> None:
    assert url.database is not None
    Path(url.database).write_bytes(b"no database" * 1000)


def test_the_default_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    assert database_url(None, tmp_path) == make_url(f"sqlite+aiosqlite:///{tmp_path}/jobs.sqlite3")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:////var/lib/jobs.db", "sqlite+aiosqlite:////var/lib/jobs.db"),
        ("postgres://me@db/jobs", "postgresql+psycopg://me@db/jobs"),
        ("postgresql://me:secret@db:5433/jobs?x=y", "postgresql+psycopg://me:secret@db:5433/jobs?x=y"),
        ("postgresql+asyncpg://db/jobs", "postgresql+psycopg://db/jobs"),
    ],
)
def test_common_urls_select_their_driver(given: str, used: str) -> None:
    assert database_url(given, Path("/data")) == make_url(used)


@pytest.mark.parametrize("given", ["jobs.db", "mysql://db/jobs", "sqlite://", "sqlite:///", "sqlite:///:memory:", ""])
def test_other_databases_are_refused(given: str) -> None:
    with pytest.raises(ValueError, match="database must be"):
        database_url(given, Path("/data"))


def test_a_refusal_does_not_repeat_the_password() -> None:
    with pytest.raises(ValueError, match="database must be") as refused:
        database_url("mysql://me:secret@db/jobs", Path("/data"))

    assert "secret" not in str(refused.value)


async def test_a_transaction_is_atomic(database: Database) -> None:
    await write(database)

    async def write_and_fail() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(probes).values(only=True, written_at=1.0))
            raise NotFoundError

    with pytest.raises(NotFoundError):
        await write_and_fail()

    assert await read(database) == [0.0]
    assert database.available, "an error of the caller is no failure of the database"


@only_sqlite
async def test_every_connection_syncs_its_commits_and_enforces_foreign_keys(database: Database) -> None:
    async with database.writing() as writer, database.reading() as one, database.reading() as another:
        for connection in (writer, one, another):
            settings = [
                (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one()
                for pragma in ("journal_mode", "synchronous", "foreign_keys")
            ]
            assert settings == ["wal", 2, 1]


@only_sqlite
@pytest.mark.usefixtures("no_wait_for_locks")
async def test_a_locked_database_is_unavailable_until_it_is_unlocked(database: Database, url: URL) -> None:
    with locked(url):
        with pytest.raises(StoreUnavailableError) as refused:
            await write(database)
        while_locked = database.available

    await write(database)
    assert refused.value.retry_after_s is not None
    assert (while_locked, database.available) == (False, True)
    assert await read(database) == [0.0]


@only_sqlite
@pytest.mark.usefixtures("no_wait_for_locks")
async def test_a_database_that_is_locked_at_first_works_once_it_is_unlocked(database: Database, url: URL) -> None:
    with locked(url), pytest.raises(StoreUnavailableError):
        await write(database)

    await write(database)
    assert database.available


@only_sqlite
@pytest.mark.usefixtures("no_wait_for_locks")
async def test_a_successful_read_does_not_make_the_database_available(database: Database, url: URL) -> None:
    await write(database)
    with locked(url):
        with pytest.raises(StoreUnavailableError):
            await write(database, 1.0)
        assert await read(database) == [0.0]
        assert not database.available


@only_sqlite
async def test_a_damaged_database_is_unavailable(database: Database, url: URL) -> None:
    damage(url)

    with pytest.raises(StoreUnavailableError):
        await read(database)

    assert not database.available


@pytest.mark.integration
@only_postgres
async def test_a_stopped_server_is_unavailable_until_it_runs(database: Database, postgres: PostgresServer) -> None:
    await write(database)
    with postgres.stopped():
        with pytest.raises(StoreUnavailableError):
            await write(database, 1.0)
        with pytest.raises(StoreUnavailableError):
            await read(database)
        while_stopped = database.available

    await write(database, 1.0)
    assert (while_stopped, database.available) == (False, True)
    assert sorted(await read(database)) == [0.0, 1.0]


@pytest.mark.integration
@only_postgres
async def test_a_transaction_during_which_the_server_dies_is_lost_whole(
    database: Database, postgres: PostgresServer
) -> None:
    async def write_twice() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(probes).values(only=True, written_at=1.0))
            with postgres.stopped():
                await connection.execute(insert(probes).values(only=False, written_at=1.0))

    with pytest.raises(StoreUnavailableError):
        await write_twice()

    assert await read(database) == []


@pytest.mark.integration
@only_postgres
async def test_a_server_that_does_not_answer_is_unavailable_until_it_does(
    database: Database, postgres: PostgresServer
) -> None:
    with postgres.frozen():
        with pytest.raises(StoreUnavailableError):
            await write(database)
        while_frozen = database.available

    await write(database)
    assert (while_frozen, database.available) == (False, True)


@pytest.mark.integration
@only_postgres
async def test_options_in_the_url_are_added_to_ours(connect: Connect) -> None:
    database = connect(options="-c work_mem=123kB")

    async with database.reading() as connection:
        shown = [
            (await connection.exec_driver_sql(f"SHOW {name}")).scalar_one()
            for name in ("work_mem", "lock_timeout", "statement_timeout")
        ]

    assert shown == ["123kB", "2s", "10s"]


async def test_a_wrong_statement_leaves_the_database_available_and_repeats_no_value(
    database: Database,
) -> None:
    await write(database, 4711.0)

    with pytest.raises(exc.IntegrityError) as wrong:
        await write(database, 4711.0)

    assert "4711" not in str(wrong.value).replace(str(wrong.value.orig), "")
    assert database.available


async def test_one_writer_runs_at_a_time(database: Database) -> None:
    inside = 0

    async def enter() -> None:
        nonlocal inside
        async with database.writing():
            inside += 1
            await asyncio.sleep(0)
            assert inside == 1
            inside -= 1

    await asyncio.gather(*(enter() for _ in range(5)))


async def test_a_writer_that_waits_too_long_is_refused_and_the_database_stays_available(url: URL) -> None:
    database = Database(url, turn_s=0.01)
    async with database.writing():
        with pytest.raises(StoreUnavailableError) as refused:
            await write(database)
        assert refused.value.retry_after_s is not None
        assert database.available

    await write(database)
    await database.close()


async def test_a_canceled_transaction_leaves_no_lock(database: Database, connect: Connect) -> None:
    written = asyncio.Event()

    async def write_and_linger() -> None:
        async with database.writing() as connection:
            await connection.execute(insert(probes).values(only=True, written_at=1.0))
            written.set()
            await asyncio.Event().wait()

    for _ in range(2):
        written.clear()
        task = asyncio.create_task(write_and_linger())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await write(database)
    assert await read(connect()) == [0.0]
