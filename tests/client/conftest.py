"""Both clients over a handler or a real server; retries that do not wait."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
import stamina

from service.server.app import create_app
from service.server.listeners import Server, uvicorn_config
from service.settings import Settings
from tests.client.drivers import AsyncDriver, Driver, Handler, SyncDriver
from tests.harness.fake_engine import FakeEngine
from tests.levels import integration_fixture

Drive: TypeAlias = Callable[..., Driver]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library's own mode for tests; as many attempts as the client allows. No environment but the test's."""
    monkeypatch.delenv("DARKROOM_BASE_URL", raising=False)
    monkeypatch.delenv("DARKROOM_API_KEY", raising=False)
    with stamina.set_testing(True, attempts=1000, cap=True):
        yield


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Iterator[Drive]:
    """Makes a client, of either kind, whose requests go to a handler; None is the network."""
    made: list[Driver] = []

    def make(handler: Handler | None, **options: Any) -> Driver:
        made.append(request.param(handler, **options))
        return made[-1]

    yield make
    for driver in made:
        driver.close()


@dataclass(frozen=True)
class Harness:
    engine: FakeEngine
    url: str


@pytest.fixture(scope="module")
@integration_fixture
def running() -> Iterator[Harness]:
    engine, settings = FakeEngine(), Settings()
    server = Server(uvicorn_config(create_app(settings, engine), settings))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Harness(engine, f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join()


@pytest.fixture
def server(running: Harness) -> Harness:
    running.engine.reset()
    return running
