"""A prefork process for all tests of this folder, and a cluster for each test."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import URL

from tests.chaos.servers.cluster import Cluster, opened
from tests.chaos.servers.processes import Prefork
from tests.harness.postgres import PostgresServer
from tests.levels import integration_fixture

MakeCluster: TypeAlias = Callable[..., Cluster]
"""Takes the options of `Cluster`."""


@pytest.fixture(scope="session")
@integration_fixture
def prefork() -> Iterator[Prefork]:
    if sys.platform != "linux":
        # Elsewhere there is nothing to watch with.
        pytest.skip("these tests watch processes through /proc and pidfds, which only Linux has")
    with Prefork() as prefork:
        yield prefork


@pytest.fixture
def make_cluster(prefork: Prefork, tmp_path: Path) -> Iterator[MakeCluster]:
    with contextlib.ExitStack() as stack:

        def make(**options: object) -> Cluster:
            # Tests pass on any of the options of `Cluster`, which refuses those that it does not know.
            return stack.enter_context(opened(Cluster(prefork, tmp_path, **options)))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    return make_cluster()


@pytest.fixture(scope="session")
@integration_fixture
def postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="darkroom-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> URL:
    """A database without tables."""
    return postgres.create_database()
