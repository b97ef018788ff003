"""The second listener serves metrics, and nothing that callers use."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest
from starlette.applications import Starlette

from pipelines.fake import INFO
from service.api.admin import create_admin_app
from service.engine.interface import ModelWish, Phase
from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine


def admin_app(engine: FakeEngine) -> Starlette:
    return create_admin_app(create_app(Settings(), engine, keeps_jobs=False).state.services)


async def get(engine: FakeEngine, path: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(admin_app(engine))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
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
    for path in ("/v1/models", "/api/v1/jobs", "/openapi.json"):
        assert (await get(FakeEngine(), path)).status_code == 404


@pytest.mark.parametrize(("phase", "status"), [(Phase.SERVING, 200), (Phase.LOADING, 503)])
async def test_probes_are_answered_as_on_the_first_listener(phase: Phase, status: int) -> None:
    engine = FakeEngine()
    engine.phase = phase
    alive, ready = await get(engine, "/livez"), await get(engine, "/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()["phase"]) == (status, phase)


def with_second_model() -> FakeEngine:
    engine = FakeEngine()
    engine.served.others = [replace(INFO, name="owner/second")]
    engine.served.unusable = ["broken"]
    return engine


async def post(engine: FakeEngine, path: str, **headers: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(admin_app(engine))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.post(path, headers=headers)


async def test_the_operator_sees_where_each_model_is_and_why_one_cannot_be_used() -> None:
    models = (await get(with_second_model(), "/models")).json()["models"]

    assert [(model["name"], model["status"]) for model in models] == [
        (INFO.name, "resident"),
        ("owner/second", "disk"),
        ("broken", "failed"),
    ]
    assert models[2]["reason"] == "/secret/broken is broken"


@pytest.mark.parametrize("wish", list(ModelWish))
async def test_an_operators_wish_reaches_the_engine(wish: ModelWish) -> None:
    engine = with_second_model()

    answer = await post(engine, f"/models/owner/second/{wish}")

    assert answer.status_code == 202
    assert engine.served.wishes == [("owner/second", wish)]


@pytest.mark.parametrize("path", ["/models/unknown/load", f"/models/{INFO.name}/melt", "/models//load"])
async def test_what_there_is_not_cannot_be_wished_for(path: str) -> None:
    engine = with_second_model()

    assert (await post(engine, path)).status_code == 404
    assert engine.served.wishes == []


async def test_a_model_can_be_called_by_an_alias() -> None:
    engine = with_second_model()
    engine.served.others = [replace(INFO, name="owner/second", aliases=("house style",))]

    assert (await post(engine, "/models/house style/load")).status_code == 202
    assert engine.served.wishes == [("owner/second", ModelWish.LOAD)]


async def test_a_pin_that_leaves_no_room_is_refused() -> None:
    engine = with_second_model()
    engine.served.room_for_pinned = False

    answer = await post(engine, "/models/owner/second/pin")

    assert (answer.status_code, answer.json()) == (409, {"error": "owner/second cannot be pinned: there is no room."})
    assert engine.served.wishes == []


async def test_a_page_in_the_operators_browser_cannot_unload_a_model() -> None:
    engine = with_second_model()

    assert (await post(engine, f"/models/{INFO.name}/unload", Origin="http://elsewhere.test")).status_code == 403
    assert engine.served.wishes == []
