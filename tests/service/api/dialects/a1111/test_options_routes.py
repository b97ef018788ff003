"""A caller chooses settings for its own requests, and for nobody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2

from pipelines.fake import INFO
from tests.service.api.in_process import HOST, Api

OPTIONS = "/sdapi/v1/options"


async def options(client: httpx2.AsyncClient) -> dict[str, Any]:
    answer = await client.get(OPTIONS)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def test_the_model_of_a_caller_is_its_own(api: Api) -> None:
    api.engine.served.others = [replace(INFO, name="second")]
    elsewhere = httpx2.ASGITransport(api.app, client=("192.0.2.7", 1))
    async with httpx2.AsyncClient(transport=elsewhere, base_url=f"http://{HOST}") as other:
        chosen = await api.client.post(OPTIONS, json={"sd_model_checkpoint": "second.safetensors [0123456789]"})
        assert (chosen.status_code, chosen.json()) == (200, None)

        assert (await options(api.client))["sd_model_checkpoint"] == "second"
        assert (await options(other))["sd_model_checkpoint"] == INFO.name
        for client in (api.client, other):
            await client.post("/sdapi/v1/txt2img", json={"steps": 1})
        named = {"sd_model_checkpoint": INFO.name}
        await api.client.post("/sdapi/v1/txt2img", json={"steps": 1, "override_settings": named})
        await api.client.post("/sdapi/v1/txt2img", json={"steps": 1, "override_settings": {"sd_model_checkpoint": "?"}})
        await api.client.post("/sdapi/v1/txt2img", json={"steps": 1, "model": INFO.name})

    assert [job.images[0].model for job in api.engine.jobs] == ["second", INFO.name, INFO.name, "second", INFO.name]


async def test_the_whole_object_can_be_sent_back_and_an_unknown_model_is_refused(api: Api) -> None:
    before = await options(api.client)
    assert "forge_preset" not in before

    assert (await api.client.post(OPTIONS, json=before)).json() is None
    refused = await api.client.post(OPTIONS, json={"sd_model_checkpoint": "unknown"})

    assert (refused.status_code, refused.json()["error"]) == (404, "model_not_found")
    assert await options(api.client) == before


async def test_brackets_are_literal_where_the_caller_chose_no_emphasis(api: Api) -> None:
    asked: dict[str, Any] = {"prompt": "(a:1.3)", "steps": 1}
    await api.client.post("/sdapi/v1/txt2img", json=asked)
    await api.client.post("/sdapi/v1/txt2img", json={**asked, "override_settings": {"emphasis": "None"}})
    await api.client.post(OPTIONS, json={"emphasis": "None"})
    await api.client.post("/sdapi/v1/txt2img", json=asked)

    assert (await options(api.client))["emphasis"] == "None"
    assert [job.images[0].prompt for job in api.engine.jobs] == ["a", "(a:1.3)", "(a:1.3)"]
    await api.client.post(OPTIONS, json={"emphasis": "Original"})
    assert (await options(api.client))["emphasis"] == "Ignore"
