"""The routes of the composed application, with and without a job store."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine


@pytest.mark.parametrize("keeps_jobs", [True, False])
async def test_job_routes_and_their_files_exist_only_with_a_job_store(tmp_path: Path, keeps_jobs: bool) -> None:
    app = create_app(Settings(data_dir=tmp_path), FakeEngine(), keeps_jobs=keeps_jobs)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        assert (await client.get("/v1/models")).status_code == 200
        assert (await client.get("/api/v1/jobs")).status_code == (200 if keeps_jobs else 404)
    assert (tmp_path / "jobs.sqlite3").exists() is keeps_jobs


async def test_the_documentation_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    transport = httpx2.ASGITransport(create_app(Settings(data_dir=tmp_path), FakeEngine(), keeps_jobs=False))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert "default-src 'none'" in (await client.get("/docs")).headers["content-security-policy"]
        assert (await client.get("/redoc")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 200
