"""Both clients over a handler or a real server; retries that do not wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
import stamina

from tests.client.drivers import AsyncDriver, Driver, Handler, SyncDriver

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
