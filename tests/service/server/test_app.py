"""The routes of the composed application, with and without a job store."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from service.server.app import create_app
from service.server.main import engine_config
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.keys import bearer, secret_of, write_key_file


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


async def test_keys_have_the_quotas_and_tenants_the_weights_of_the_settings(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        api_key_file=write_key_file(tmp_path / "keys"),
        default_requests_per_minute=60,
        default_max_jobs=2,
        default_device_s_per_minute=1.5,
        default_max_stored_bytes=100,
        shares="alice=3",
    )
    app = create_app(settings, FakeEngine())
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers=bearer("alice")) as client,
    ):
        policy = (await client.get("/v1/models")).headers["ratelimit-policy"]
    identity = app.state.services.authenticator.by_secret(secret_of("alice")).identity

    assert [each.split(";")[0:2] for each in policy.split(", ")] == [
        ['"requests"', "q=60"],
        ['"device-seconds"', "q=1"],
        ['"jobs"', "q=2"],
    ]
    assert identity.quotas.max_stored_bytes == 100
    assert engine_config(settings).worker.shares == {"alice": 3.0}


async def test_the_documentation_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    transport = httpx2.ASGITransport(create_app(Settings(data_dir=tmp_path), FakeEngine(), keeps_jobs=False))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert "default-src 'none'" in (await client.get("/docs")).headers["content-security-policy"]
        assert (await client.get("/redoc")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 200
