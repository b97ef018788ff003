"""Real servers on real sockets: around the fake engine, and with the bundled model behind a proxy that has faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.observability import logs
from service.settings import Settings
from tests.harness.bundled_server import BundledServer
from tests.harness.wire.fault_proxy import FaultProxy, faulty
from tests.harness.wire.http_server import Harness, serve_in_thread


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Harness]:
    logs.configure("warning", "json")
    yield from serve_in_thread(Settings(port=0, admin_port=None))


@pytest.fixture
def server(shared_server: Harness) -> Harness:
    """The module's server, with the fake engine in its initial state."""
    shared_server.engine.reset()
    return shared_server


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundledServer]:
    """Its model can also be asked for as `house style`."""
    aliases = ("--model-aliases", "house style=bundled")
    server = BundledServer(tmp_path_factory.mktemp("data"), "--warm-up-s", "0.001", *aliases)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shared_proxy(bundled: BundledServer) -> Iterator[FaultProxy]:
    with faulty(bundled.port) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: FaultProxy) -> FaultProxy:
    """A proxy before the server with the bundled model. No fault is planned, and no request has been seen."""
    shared_proxy.plan()
    return shared_proxy
