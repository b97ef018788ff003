"""A real server around the fake engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.observability import logs
from service.settings import Settings
from tests.harness.http_server import Harness, serve_in_thread


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Harness]:
    logs.configure("warning", "json")
    yield from serve_in_thread(Settings(port=0, admin_port=None))


@pytest.fixture
def server(shared_server: Harness) -> Harness:
    """The module's server, with the fake engine in its initial state."""
    shared_server.engine.reset()
    return shared_server
