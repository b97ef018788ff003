"""The `darkroom` command, and a server around the fake engine that it can be sent to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.observability import logs
from service.settings import Settings
from tests.harness.command import Command, run_in_process
from tests.harness.wire.http_server import Harness, serve_in_thread


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return run_in_process(tmp_path, monkeypatch, capfd)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Harness]:
    logs.configure("warning", "json")
    yield from serve_in_thread(Settings(port=0, admin_port=None))


@pytest.fixture
def server(shared_server: Harness) -> Harness:
    """The session's server, with the fake engine in its initial state."""
    shared_server.engine.reset()
    return shared_server
