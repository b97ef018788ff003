"""The second listener: metrics, and nothing that callers use."""

from __future__ import annotations

import httpx2
import pytest

from service.api.admin import create_admin_app
from service.engine.interface import Phase
from service.observability.metrics import Metrics
from tests.harness.engine.fake_engine import FakeEngine


async def get(engine: FakeEngine, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(create_admin_app(engine, Metrics()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://admin.test") as client:
        return await client.get(path)


@pytest.mark.parametrize(("phase", "ready"), [(Phase.SERVING, "1.0"), (Phase.LOADING, "0.0"), (Phase.FAILED, "0.0")])
async def test_metrics_are_text_for_prometheus_with_the_engines_present_state(phase: Phase, ready: str) -> None:
    engine = FakeEngine()
    engine.phase = phase
    answer = await get(engine, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert f"darkroom_ready {ready}" in lines
    assert f"darkroom_backlog_seconds {engine.backlog_s}" in lines


async def test_routes_of_the_api_are_not_on_the_admin_listener() -> None:
    for path in ("/v1/models", "/livez", "/openapi.json"):
        assert (await get(FakeEngine(), path)).status_code == 404
