"""A full disk, failing system calls, a locked or unreachable database: nothing is lost and no restart is needed."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from tests.chaos.conftest import MakeCluster
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.disks import Injection, NotPermittedError, full, locked, small_disk
from tests.chaos.troubles.outages import fail_calls, injections, run_through
from tests.harness.postgres import PostgresServer
from tests.harness.programs.finding import find_program

pytestmark = pytest.mark.timeout(1800)

_DISK_MEGABYTES = 24
"""Large enough that SQLite makes a checkpoint of its log before the disk is full."""


@pytest.fixture
def disk(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Path]:
    """A small disk, mounted at a folder in the data folder, or at the data folder itself."""
    folder = cluster.data_dir / request.param
    folder.mkdir(exist_ok=True)
    try:
        with small_disk(folder, _DISK_MEGABYTES):
            yield folder
    except NotPermittedError as error:
        # Mounting needs rights that an ordinary user does not have.
        pytest.skip(f"no small disk can be mounted: {error}")


@pytest.mark.parametrize("disk", ["."], indirect=True)
def test_a_full_disk_refuses_jobs_and_loses_none(cluster: Cluster, disk: Path) -> None:
    assert run_through(cluster, functools.partial(full, disk), refuses=True).discrepancies == []


@pytest.mark.parametrize("disk", ["images"], indirect=True)
def test_a_disk_full_of_images_loses_none_of_them(cluster: Cluster, disk: Path) -> None:
    assert run_through(cluster, functools.partial(full, disk), refuses=False).discrepancies == []


def test_a_locked_database_refuses_jobs_and_loses_none(cluster: Cluster) -> None:
    lock = functools.partial(locked, cluster.data_dir / "jobs.sqlite3")

    assert run_through(cluster, lock, refuses=True).discrepancies == []


def test_an_unreachable_database_refuses_jobs_and_loses_none(
    make_cluster: MakeCluster, postgres: PostgresServer, postgres_url: URL
) -> None:
    assert run_through(make_cluster(database=postgres_url), postgres.stopped, refuses=True).discrepancies == []


def test_failing_system_calls_lose_nothing(cluster: Cluster, tmp_path: Path) -> None:
    strace = find_program("strace")
    chosen: list[Injection] = injections(cluster, numbers=(2,))
    try:
        tally = fail_calls(cluster, chosen, strace, tmp_path / "strace")
    except NotPermittedError as error:
        # Containers often forbid tracing, and without it no system call can be made to fail.
        pytest.skip(f"strace may not trace the server: {error}")

    assert tally.discrepancies == []
    assert tally.counts["failed system calls"] >= len(chosen)
