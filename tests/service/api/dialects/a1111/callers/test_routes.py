"""Progress and interrupt concern the caller's own requests: those of its key, or else of its address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.harness.keys import bearer
from tests.service.api.dialects.a1111.waiting import PROGRESS, progress, until_busy
from tests.service.api.in_process import HOST, Api

TXT2IMG = "/sdapi/v1/txt2img"


@contextlib.asynccontextmanager
async def at(api: Api, address: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of that address."""
    transport = httpx2.ASGITransport(api.app, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
        yield client


async def task(client: httpx2.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/internal/progress", json=fields)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def begin(api: Api, client: httpx2.AsyncClient, **fields: Any) -> asyncio.Future[httpx2.Response]:
    """Asks for two images of ten steps, of which the first is held after five."""
    api.engine.held_before = (0, 6)
    asking = asyncio.ensure_future(client.post(TXT2IMG, json={"steps": 10, "n_iter": 2, **fields}))
    await until_busy(client, progress_made=0.25)
    return asking


async def test_a_caller_without_a_request_has_no_progress(api: Api) -> None:
    idle = await progress(api.client)

    assert (idle["progress"], idle["eta_relative"], idle["current_image"]) == (0.0, 0.0, None)
    assert (idle["state"]["job_count"], idle["state"]["interrupted"]) == (0, False)
    assert (await api.client.get(PROGRESS, params={"skip_current_image": "x"})).json()["error"] == "invalid_value"


async def test_progress_has_the_steps_and_the_latest_preview(api: Api) -> None:
    asking = await begin(api, api.client, force_task_id="task(1)")
    running, without = await progress(api.client), await progress(api.client, skip_current_image=True)
    mine = await task(api.client, id_task="task(1)")

    state = running["state"]
    assert (running["progress"], state["job"], state["job_count"], state["job_no"]) == (0.25, "task(1)", 2, 0)
    assert (state["sampling_step"], state["sampling_steps"]) == (5, 10)
    assert running["eta_relative"] > 0
    assert running["current_image"]
    assert without["current_image"] is None
    assert (mine["active"], mine["queued"], mine["completed"], mine["progress"]) == (True, False, False, 0.25)
    assert mine["live_preview"] == f"data:image/png;base64,{running['current_image']}"
    seen = await task(api.client, id_task="task(1)", id_live_preview=mine["id_live_preview"])
    assert (seen["live_preview"], seen["id_live_preview"]) == (None, mine["id_live_preview"])

    api.engine.let_go()
    assert (await asking).status_code == 200
    ended, unknown = await task(api.client, id_task="task(1)"), await task(api.client, id_task="task(2)")
    assert [(each["active"], each["completed"]) for each in (ended, unknown)] == [(False, True), (False, False)]


async def test_a_task_that_has_not_begun_is_queued(api: Api) -> None:
    api.engine.holds_starts = True
    asking = asyncio.ensure_future(api.client.post(TXT2IMG, json={"steps": 1, "force_task_id": "t"}))
    await until_busy(api.client)

    assert (await task(api.client, id_task="t"))["queued"]
    assert (await progress(api.client))["textinfo"] == "Waiting..."
    api.engine.let_go()
    assert (await asking).status_code == 200


async def test_another_address_sees_nothing_and_ends_nothing(api: Api) -> None:
    async with at(api, "192.0.2.7") as other:
        asking = await begin(api, api.client, force_task_id="t")

        assert (await progress(other))["state"]["job_count"] == 0
        assert not (await task(other, id_task="t"))["active"]
        for name in ("interrupt", "skip"):
            await other.post(f"/sdapi/v1/{name}")
        assert (await progress(api.client))["state"]["job_count"] == 2
        api.engine.let_go()
        assert len((await asking).json()["images"]) == 2
        assert not (await task(other, id_task="t"))["completed"]


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.7"])
async def test_a_key_is_one_caller_wherever_it_comes_from(api_with_keys: Api, address: str) -> None:
    api = api_with_keys
    async with at(api, "127.0.0.1") as here, at(api, address) as there:
        here.headers.update(bearer("alice"))
        asking = await begin(api, here)

        there.headers.update(bearer("bob"))
        assert (await progress(there))["state"]["job_count"] == 0
        await there.post("/sdapi/v1/interrupt")
        there.headers.update(bearer("alice"))
        assert (await progress(there))["state"]["job_count"] == 2
        await there.post("/sdapi/v1/interrupt")
        assert (await asking).json()["images"] == []
        api.engine.let_go()
