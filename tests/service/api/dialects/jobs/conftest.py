"""A server with room for little."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.jobs_client import JobsClient
from tests.harness.wire.http_server import Harness
from tests.service.serving import Serve


@pytest.fixture(scope="module")
def narrow_server(serve: Serve) -> Iterator[Harness]:
    with serve(max_queued_jobs=1, max_event_streams=1) as server:
        yield server


@pytest.fixture
def narrow(narrow_server: Harness) -> Iterator[Harness]:
    """A server that lets one job wait and has one reader of events. Every test begins and ends without jobs."""
    narrow_server.engine.reset()
    yield narrow_server
    narrow_server.engine.let_go()
    JobsClient(narrow_server.client).delete_all()
