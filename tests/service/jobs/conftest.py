"""Fixtures that give each test its own database, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest
from sqlalchemy import URL, create_engine

from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database, database_url
from service.jobs.store.migrations import migrate
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.store.tables import metadata
from tests.harness.postgres import PostgresServer
from tests.harness.sample_jobs import CLAIM_POLICY, REPOSITORY_POLICY
from tests.levels import integration_fixture

DATABASES: Final = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


class Connect(Protocol):
    def __call__(self, **query: str) -> Database:
        """Returns a new `Database`, as another process would have. Adds `query` to its URL."""


async def _migrate(url: URL) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


@pytest.fixture
def no_wait_for_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes waits for locks end at once, for tests of a locked database. Request it before any database."""
    monkeypatch.setattr("service.jobs.store.access.connections.BUSY_S", 0.01)


@pytest.fixture(scope="session")
@integration_fixture
def postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="darkroom-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file without rows, which tests copy."""
    file = tmp_path_factory.mktemp("sqlite") / "jobs.sqlite3"
    asyncio.run(_migrate(database_url(f"sqlite:///{file}", file.parent)))
    return file


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> URL:
    """A migrated database that the tests share and empty, because this is much faster than a new one for each."""
    url = postgres.create_database()
    asyncio.run(_migrate(url))
    return url


@pytest.fixture
def sqlite_url(sqlite_file: Path, tmp_path: Path) -> URL:
    shutil.copy(sqlite_file, tmp_path)
    return database_url(None, tmp_path)


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest) -> URL:
    """The URL of a migrated database without rows."""
    if request.param == "sqlite":
        url: URL = request.getfixturevalue("sqlite_url")
        return url
    url = request.getfixturevalue("postgres_url")
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()
    return url


@pytest.fixture(params=DATABASES)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        return database_url(None, tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


@pytest.fixture
async def connect(url: URL) -> AsyncIterator[Connect]:
    opened: list[Database] = []

    def connect(**query: str) -> Database:
        opened.append(Database(url.update_query_dict(query), outage_s=0.0))
        return opened[-1]

    yield connect
    for database in opened:
        await database.close()


@pytest.fixture
def database(connect: Connect) -> Database:
    return connect()


@pytest.fixture
def waiting() -> WaitingJobs:
    """The waiting jobs as the test's process knows them."""
    return WaitingJobs()


@pytest.fixture
def repository(database: Database, waiting: WaitingJobs) -> JobRepository:
    return JobRepository(database, REPOSITORY_POLICY, waiting)


@pytest.fixture
def claims(database: Database, waiting: WaitingJobs) -> JobClaims:
    return JobClaims(database, CLAIM_POLICY, waiting)
