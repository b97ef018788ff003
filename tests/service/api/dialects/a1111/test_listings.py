"""The lists have exactly the web UI's fields, and none of them is missing."""

from __future__ import annotations

from typing import Any, Final

from pipelines.fake import INFO
from service.api.dialects.a1111.listings import CONSTANT, REFRESHED
from tests.service.api.in_process import Api

FIELDS: Final = {
    "sd-models": {"title", "model_name", "hash", "sha256", "filename", "config"},
    "samplers": {"name", "aliases", "options"},
    "schedulers": {"name", "label", "aliases", "default_rho", "need_inner_model"},
    "upscalers": {"name", "model_name", "model_path", "model_url", "scale"},
    "latent-upscale-modes": {"name"},
}


async def listed(api: Api, name: str) -> Any:
    answer = await api.client.get(f"/sdapi/v1/{name}")
    assert answer.status_code == 200
    return answer.json()


async def test_entries_have_the_web_uis_fields_and_no_others(api: Api) -> None:
    for name, fields in FIELDS.items():
        entries = await listed(api, name)
        assert entries
        assert all(set(entry) == fields for entry in entries), name

    assert [model["title"] for model in await listed(api, "sd-models")] == [INFO.name]
    assert "DPM++ 2M SDE" in [sampler["name"] for sampler in await listed(api, "samplers")]
    assert [(each["name"], each["label"]) for each in await listed(api, "schedulers")][:2] == [
        ("automatic", "Automatic"),
        ("karras", "Karras"),
    ]
    assert [each["name"] for each in await listed(api, "upscalers")] == ["None", "Lanczos"]
    assert (await listed(api, "latent-upscale-modes"))[0] == {"name": "Latent"}


async def test_what_the_server_has_nothing_of_is_empty(api: Api) -> None:
    assert await listed(api, "embeddings") == {"loaded": {}, "skipped": {}}
    assert await listed(api, "scripts") == {"txt2img": [], "img2img": []}
    for name in CONSTANT.keys() - FIELDS.keys() - {"embeddings", "scripts", "memory"}:
        assert not await listed(api, name), name


async def test_a_request_to_refresh_a_list_needs_no_body(api: Api) -> None:
    for name, said in REFRESHED.items():
        answer = await api.client.post(f"/sdapi/v1/{name}")
        assert (answer.status_code, answer.json()) == (200, said), name
