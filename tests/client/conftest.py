"""Both clients, away from the user's own settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.client.both import Clients


@pytest.fixture(autouse=True)
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the user's own settings."""
    monkeypatch.delenv("DARKROOM_BASE_URL", raising=False)
    monkeypatch.delenv("DARKROOM_API_KEY", raising=False)


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Clients]:
    """Makes clients of either kind."""
    with contextlib.closing(Clients(request.param)) as clients:
        yield clients
