"""Starts a server on the fake engine, as the fixture `serve` hands it to tests."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from service.engine.interface import Phase
from service.settings import Settings
from tests.harness.wire.http_server import Harness, serving
from tests.harness.wire.raw_http import RAW_HOST


class Serve(Protocol):
    """Runs a server in a thread for the length of a `with` block. Keywords are settings."""

    def __call__(
        self, *, data_dir: Path | None = None, phase: Phase = Phase.SERVING, **settings: Any
    ) -> AbstractContextManager[Harness]: ...


def serve(
    *, data_dir: Path | None = None, phase: Phase = Phase.SERVING, **settings: Any
) -> AbstractContextManager[Harness]:
    return serving(
        Settings(port=0, admin_port=None, **{"allowed_hosts": RAW_HOST, **settings}), data_dir=data_dir, phase=phase
    )
