"""GET /v1/models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.fake import INFO
from tests.service.api.in_process import Api


async def test_the_served_model_is_listed_with_its_sizes_and_defaults(api_without_store: Api) -> None:
    answer = (await api_without_store.client.get("/v1/models")).json()
    model, *aliases = answer["data"]
    assert answer["object"] == "list"
    assert [(each["id"], each["parent"]) for each in aliases] == [
        ("dall-e-2", INFO.name),
        ("dall-e-3", INFO.name),
        ("gpt-image-1", INFO.name),
    ]
    assert all({**each, "id": INFO.name, "parent": None} == model for each in aliases)
    assert model == {
        "id": INFO.name,
        "object": "model",
        "created": model["created"],
        "owned_by": "darkroom",
        "parent": None,
        "sizes": ["128x128", "160x96", "96x160"],
        "default_steps": INFO.default_steps,
        "default_guidance_scale": INFO.default_guidance_scale,
        "default_sampler": INFO.default_sampler,
        "status": "resident",
    }


async def test_aliases_are_listed_behind_the_models_each_once(api_without_store: Api) -> None:
    api_without_store.engine.served.others = [replace(INFO, name="anime", aliases=("dall-e-3", "house style"))]
    answer = (await api_without_store.client.get("/v1/models")).json()
    assert [(each["id"], each["parent"]) for each in answer["data"]] == [
        (INFO.name, None),
        ("anime", None),
        ("dall-e-3", "anime"),
        ("house style", "anime"),
        ("dall-e-2", INFO.name),
        ("gpt-image-1", INFO.name),
    ]


@pytest.mark.parametrize("name", [INFO.name, "dall-e-3", "gpt-image-1", "openai/dall-e-3", f"openai/{INFO.name}"])
async def test_openais_names_lead_to_the_served_model(api_without_store: Api, name: str) -> None:
    answer = await api_without_store.client.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json()["id"]) == (200, INFO.name)


@pytest.mark.parametrize("name", ["another", "a/model/of/a/hub"])
async def test_another_model_is_not_found(api_without_store: Api, name: str) -> None:
    answer = await api_without_store.client.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_while_the_model_is_loaded_there_is_none(api_without_store: Api) -> None:
    api_without_store.engine.info = None
    answer = await api_without_store.client.get("/v1/models")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
