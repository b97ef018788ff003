"""Servers with keys, and programs of clients that are run against them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.observability import logs
from tests.clients.running import Programs
from tests.harness.bundled_server import BundledServer
from tests.harness.keys import secret_of, write_key_file
from tests.harness.wire.http_server import Harness
from tests.service.serving import serve


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys `alice`, `bob` and `root`."""
    return write_key_file(tmp_path_factory.mktemp("keys") / "keys")


@pytest.fixture(scope="module")
def shared_server(key_file: Path) -> Iterator[Harness]:
    logs.configure("warning", "json")
    with serve(api_key_file=key_file) as server:
        yield server


@pytest.fixture
def server(shared_server: Harness) -> Harness:
    """The module's server, around the fake engine in its initial state."""
    shared_server.engine.reset()
    return shared_server


@pytest.fixture(scope="module")
def run(shared_server: Harness, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Runs programs against the module's server with the key of alice: `run("v1/openai_images.py", "openai2")`."""
    return Programs(shared_server.url, secret_of("alice"), tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory, key_file: Path) -> Iterator[BundledServer]:
    """A server with the bundled model, in a process of its own."""
    options = ("--warm-up-s", "0.001", "--api-key-file", str(key_file))
    server = BundledServer(tmp_path_factory.mktemp("data"), *options)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def run_bundled(bundled: BundledServer, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Runs programs against the server with the bundled model."""
    return Programs(bundled.url, secret_of("alice"), tmp_path_factory.mktemp("home"))
