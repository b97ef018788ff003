"""An application whose callers need keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.keys import write_key_file
from tests.service.api.in_process import Api, run_in_process


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Api]:
    """An application with the keys `alice` and `bob`, of users with tenants of these names, and the admin's `root`."""
    async with run_in_process(tmp_path, api_key_file=write_key_file(tmp_path / "keys")) as api:
        yield api
        api.engine.let_go()
