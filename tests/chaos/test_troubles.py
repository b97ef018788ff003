"""A full disk, failing system calls, a database that is locked or gone: nothing is lost, no restart is needed."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.chaos.conftest import MakeSite
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.disks import Injection, NotPermittedError, full, locked, small_disk
from tests.chaos.troubles.store_troubles import endure, fail_calls, injections
from tests.harness.postgres import PostgresServer
from tests.harness.programs import find_program

pytestmark = pytest.mark.timeout(1800)

_DISK_MEGABYTES = 24
"""Enough for SQLite's log to be written into its database before it is full."""


@pytest.fixture
def disk_of(request: pytest.FixtureRequest, site: Cluster) -> Iterator[Path]:
    """A small disk at a folder in the data folder, or at itself."""
    folder = site.data_dir / request.param
    folder.mkdir(exist_ok=True)
    try:
        with small_disk(folder, _DISK_MEGABYTES):
            yield folder
    except NotPermittedError as error:
        pytest.skip(f"no small disk can be mounted: {error}")


@pytest.mark.parametrize("disk_of", ["."], indirect=True)
def test_a_full_disk_refuses_jobs_and_loses_none(site: Cluster, disk_of: Path) -> None:
    assert endure(site, functools.partial(full, disk_of), refuses=True).discrepancies == []


@pytest.mark.parametrize("disk_of", ["images"], indirect=True)
def test_a_disk_that_is_full_of_images_loses_none_of_them(site: Cluster, disk_of: Path) -> None:
    assert endure(site, functools.partial(full, disk_of), refuses=False).discrepancies == []


def test_a_locked_database_refuses_jobs_and_loses_none(site: Cluster) -> None:
    lock = functools.partial(locked, site.data_dir / "jobs.sqlite3")

    assert endure(site, lock, refuses=True).discrepancies == []


def test_a_database_that_is_gone_refuses_jobs_and_loses_none(
    make_site: MakeSite, postgres: PostgresServer, postgres_url: URL
) -> None:
    assert endure(make_site(database=postgres_url), postgres.stopped, refuses=True).discrepancies == []


def test_failing_system_calls_lose_nothing(site: Cluster, tmp_path: Path) -> None:
    strace = find_program("strace")
    chosen: list[Injection] = injections(site, numbers=(2,))
    try:
        tally = fail_calls(site, chosen, strace, tmp_path / "strace")
    except NotPermittedError as error:
        pytest.skip(f"strace may not watch the server: {error}")

    assert tally.discrepancies == []
    assert tally.counts["failed system calls"] >= len(chosen)
