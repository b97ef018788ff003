"""The application without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.service.api.in_process import Api, run_in_process


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with run_in_process(tmp_path) as api:
        yield api


@pytest.fixture
async def api_without_store(tmp_path: Path) -> AsyncIterator[Api]:
    """An application that keeps no jobs, as in `darkroom generate`."""
    async with run_in_process(tmp_path, keeps_jobs=False) as api:
        yield api
