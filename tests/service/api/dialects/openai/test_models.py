"""GET /v1/models."""

from __future__ import annotations

import pytest

from pipelines.fake import INFO
from tests.service.api.in_process import Api


async def test_the_served_model_is_listed_with_its_sizes_and_defaults(api_without_store: Api) -> None:
    answer = (await api_without_store.client.get("/v1/models")).json()
    (model,) = answer["data"]
    assert answer["object"] == "list"
    assert model == {
        "id": INFO.name,
        "object": "model",
        "created": model["created"],
        "owned_by": "darkroom",
        "sizes": ["128x128", "160x96", "96x160"],
        "default_steps": INFO.default_steps,
        "default_guidance_scale": INFO.default_guidance_scale,
        "default_sampler": INFO.default_sampler,
        "status": "resident",
    }


@pytest.mark.parametrize("name", [INFO.name, "dall-e-3", "gpt-image-1"])
async def test_openais_names_lead_to_the_served_model(api_without_store: Api, name: str) -> None:
    answer = await api_without_store.client.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json()["id"]) == (200, INFO.name)


@pytest.mark.parametrize("name", ["another", "a/model/of/a/hub", ""])
async def test_another_model_is_not_found(api_without_store: Api, name: str) -> None:
    answer = await api_without_store.client.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_while_the_model_is_loaded_there_is_none(api_without_store: Api) -> None:
    api_without_store.engine.info = None
    answer = await api_without_store.client.get("/v1/models")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
