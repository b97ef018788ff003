"""A nursery for all tests of this folder, and a site of each test's own."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from sqlalchemy import URL

from tests.chaos.servers.cluster import Site, opened
from tests.chaos.servers.processes import Nursery
from tests.harness.postgres import PostgresServer

MakeSite: TypeAlias = Callable[..., Site]
"""Takes the options of `Site`."""


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    if sys.platform != "linux":
        pytest.skip("processes are watched in /proc and through their descriptors, which Linux has")
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def make_site(nursery: Nursery, tmp_path: Path) -> Iterator[MakeSite]:
    with contextlib.ExitStack() as stack:

        def make(**options: object) -> Site:
            return stack.enter_context(opened(Site(nursery, tmp_path, **options)))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture(scope="session")
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
