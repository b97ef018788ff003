"""A database in trouble raises `StoreUnavailableError`, and works again once the trouble is over."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, exc, insert, make_url, select

from service.errors import NotFoundError, StoreUnavailableError
from service.jobs.store.database import Database, database_url
from service.jobs.store.tables import probes
from tests.harness.postgres import PostgresServer
from tests.service.jobs.conftest import Connect

only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
CALLER = contextvars.ContextVar("caller", default=0)
only_postgres = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


async def write(database: Database, written_at: float = 0.0) -> None:
    row = {"only": bool(written_at), "written_at": written_at}
    await database.write(lambda connection: connection.execute(insert(probes), row))


async def read(database: Database) -> list[float]:
    return await database.read(lambda connection: list(connection.execute(select(probes.c.written_at)).scalars()))


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
    assert database_url(None, tmp_path) == make_url(f"sqlite:///{tmp_path}/jobs.sqlite3")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:////var/lib/jobs.db", "sqlite:////var/lib/jobs.db"),
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

    def write_and_fail(connection: Connection) -> None:
        connection.execute(insert(probes).values(only=True, written_at=1.0))
        raise NotFoundError

    with pytest.raises(NotFoundError):
        await database.write(write_and_fail)

    assert await read(database) == [0.0]
    assert database.available, "an error of the caller is no failure of the database"


async def test_work_runs_in_the_context_of_its_caller(database: Database) -> None:
    async def ask(number: int) -> list[int]:
        CALLER.set(number)
        return [await access(lambda _: CALLER.get()) for access in (database.write, database.read, database.scan)]

    assert await asyncio.gather(*map(ask, range(1, 9))) == [[number] * 3 for number in range(1, 9)]


@only_sqlite
async def test_every_connection_syncs_its_commits_and_enforces_foreign_keys(database: Database) -> None:
    def settings(connection: Connection) -> list[object]:
        return [
            connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one()
            for pragma in ("journal_mode", "synchronous", "foreign_keys")
        ]

    await database.write(settings, synced=False)
    found = [await database.write(settings), await database.read(settings), await database.scan(settings)]

    assert found == [["wal", 2, 1]] * 3


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
    def write_twice(connection: Connection) -> None:
        connection.execute(insert(probes).values(only=True, written_at=1.0))
        with postgres.stopped():
            connection.execute(insert(probes).values(only=False, written_at=1.0))

    with pytest.raises(StoreUnavailableError):
        await database.write(write_twice)

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

    def shown(connection: Connection) -> list[object]:
        names = ("work_mem", "lock_timeout", "statement_timeout")
        return [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]

    assert await database.read(shown) == ["123kB", "2s", "10s"]


async def test_a_wrong_statement_leaves_the_database_available_and_repeats_no_value(
    database: Database,
) -> None:
    await write(database, 4711.0)

    with pytest.raises(exc.IntegrityError) as wrong:
        await write(database, 4711.0)

    assert "4711" not in str(wrong.value).replace(str(wrong.value.orig), "")
    assert database.available


@only_sqlite
@pytest.mark.usefixtures("no_wait_for_locks")
async def test_during_an_outage_callers_are_refused_at_once_and_the_runner_is_not(url: URL) -> None:
    database = Database(url, outage_s=3600.0)
    with locked(url), pytest.raises(StoreUnavailableError):
        await write(database)

    with pytest.raises(StoreUnavailableError):
        await write(database)
    assert await read(database) == [], "reading works"
    await database.write(lambda _: None, urgent=True)
    await write(database)

    assert await read(database) == [0.0]
    await database.close()


@only_sqlite
async def test_a_database_is_closed_while_it_is_read(url: URL) -> None:
    """A connection that is closed under a running statement would end the process."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT count(*) FROM n"
    for _ in range(10):
        database, begun = Database(url), threading.Event()

        def count_for_long(connection: Connection, begun: threading.Event = begun) -> object:
            begun.set()
            return connection.exec_driver_sql(numbers).scalar_one()

        reading = asyncio.create_task(database.scan(count_for_long))
        await asyncio.to_thread(begun.wait, 30)
        await database.close()

        (outcome,) = await asyncio.gather(reading, return_exceptions=True)
        assert outcome == 300_000 or isinstance(outcome, StoreUnavailableError), "finished, or interrupted"


@only_sqlite
@pytest.mark.usefixtures("no_wait_for_locks")
async def test_a_lock_is_noticed_by_a_server_that_writes_nothing(database: Database, url: URL) -> None:
    def log_bytes() -> int:
        assert url.database is not None
        return Path(f"{url.database}-wal").stat().st_size

    await write(database)
    before = log_bytes()

    await database.probe_lock()
    assert log_bytes() == before, "nothing is written"
    with locked(url), pytest.raises(StoreUnavailableError):
        await database.probe_lock()
    await database.probe_lock()
    assert not database.available, "nothing has been written yet"
    await write(database, 1.0)
    assert database.available
