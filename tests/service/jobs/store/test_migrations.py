"""A database is migrated to the schema in `tables`; a database of a newer version is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, inspect, text

from service.jobs.store.database import Database
from service.jobs.store.migrations import SchemaTooNewError, UnusableStoreError, migrate
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.store.tables import metadata
from tests.harness.sample_jobs import REPOSITORY_POLICY, make_job


@pytest.fixture
async def database(empty_url: URL) -> AsyncIterator[Database]:
    database = Database(empty_url)
    yield database
    await database.close()


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def tables(connection: Connection) -> list[str]:
    return sorted(inspect(connection).get_table_names())


async def test_a_new_database_gets_the_schema_of_the_tables(database: Database) -> None:
    await migrate(database)

    assert await database.read(differences) == []
    assert await database.read(tables) == sorted([*metadata.tables, "alembic_version"])


async def test_the_comparison_notices_a_difference(database: Database) -> None:
    await migrate(database)
    await database.write(lambda connection: connection.execute(text("ALTER TABLE probes ADD COLUMN more INTEGER")))

    assert len(await database.read(differences)) == 1


async def test_a_second_migration_changes_nothing(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    await migrate(database)
    assert caplog.text.count("brought up to date") == 1
    repository = JobRepository(database, REPOSITORY_POLICY, WaitingJobs())
    record, _ = await repository.create(make_job(), now=0.0)

    await migrate(database)

    assert caplog.text.count("brought up to date") == 1
    assert await repository.get(record.id, "alice") == record


async def test_servers_that_start_together_can_all_migrate(empty_url: URL) -> None:
    databases = [Database(empty_url) for _ in range(3)]

    await asyncio.gather(*(migrate(database) for database in databases))

    for database in databases:
        assert await database.read(differences) == []
        await database.close()


async def test_a_database_of_a_newer_version_is_refused_and_left_unchanged(database: Database) -> None:
    await migrate(database)
    await database.write(lambda connection: connection.execute(text("DROP TABLE images")))
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await database.write(lambda connection: connection.execute(newer))

    with pytest.raises(SchemaTooNewError):
        await migrate(database)

    version = text("SELECT version_num FROM alembic_version")
    assert await database.read(lambda connection: list(connection.execute(version).scalars())) == ["9999"]
    assert "images" not in await database.read(tables)
    assert database.available


@pytest.mark.integration
@pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
async def test_a_database_that_will_never_be_reached_is_told_from_one_that_is_down(empty_url: URL) -> None:
    for wrong, said in (
        (empty_url.set(database="nowhere"), "create it first"),
        (empty_url.set(username="nobody"), "check the user"),
    ):
        database = Database(wrong)
        with pytest.raises(UnusableStoreError, match=said):
            await migrate(database)
        await database.close()
