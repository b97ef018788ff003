"""Clients reach the routes of /v1 with the base URL that they were given, and by Azure's paths."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx2
import openai
import pytest

from pipelines.fake import INFO
from service.api.dialects.openai.paths import own_path
from tests.harness.keys import secret_of, write_key_file
from tests.service.api.in_process import GENERATIONS, Api, run_in_process
from tests.service.images.inputs.samples import picture, saved

IMAGE: Final = saved(picture((64, 64)))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/generations",
        "/v1/images/generations/",
        "//v1/images/generations",
        "/v1//images/generations",
        "/images/generations",
        "//images/generations//",
        "/v1/v1/images/generations",
        "/openai/v1/images/generations",
        "/openai/images/generations",
    ],
)
def test_these_paths_mean_the_route_for_images(path: str) -> None:
    assert own_path(path) == GENERATIONS


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/models", "/v1/models"),
        ("/v1/models/", "/v1/models"),
        ("/models/a/model", "/v1/models/a/model"),
        ("/openai/deployments/dall-e-3/images/generations", "/v1/deployments/dall-e-3/images/generations"),
        ("/v1/v1/models", "/v1/models"),
        ("/v1/v1/v1/models", "/v1/v1/v1/models"),
        ("/v1/unknown/", "/v1/unknown/"),
        ("/v1/v1", "/v1/v1"),
        ("//v1", "//v1"),
        ("/", "/"),
        ("*", "*"),
        ("", ""),
        ("/api/v1/jobs", "/api/v1/jobs"),
        ("//api/v1/jobs", "//api/v1/jobs"),
        ("/api/v1/images", "/api/v1/images"),
        ("/v1x/images/generations", "/v1x/images/generations"),
        ("/OpenAI/models", "/OpenAI/models"),
    ],
)
def test_a_path_means_one_of_the_dialect_or_itself(path: str, own: str) -> None:
    assert own_path(path) == own_path(own) == own


async def test_images_are_made_by_every_path(api: Api) -> None:
    body = {"prompt": "x", "num_inference_steps": 1}
    for path in ("/v1/images/generations/", "//v1/images/generations", "/images/generations"):
        answer = await api.client.post(f"http://server.test{path}", json=body)
        assert answer.status_code == 200, path
    assert (await api.client.get("/models")).json() == (await api.client.get("/v1/models")).json()
    refused = await api.client.post("/images/generations", json={})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "prompt")
    assert api.metrics.exposition(ready=True, backlog_s=0).decode().count('route="/v1/images/generations",status="200"')


async def test_a_doubled_slash_behind_a_proxys_prefix_means_the_same(tmp_path: Path) -> None:
    async with run_in_process(tmp_path, trusted_proxies="127.0.0.1") as api:
        prefix = {"X-Forwarded-Prefix": "/darkroom"}
        for path in ("/darkroom//v1/models", "/darkroom/models/"):
            assert (await api.client.get(f"http://server.test{path}", headers=prefix)).status_code == 200, path


async def test_azures_client_names_the_model_in_the_path_and_sends_its_key_in_a_header_of_its_own(
    tmp_path: Path,
) -> None:
    keys = write_key_file(tmp_path / "keys")
    async with run_in_process(tmp_path, api_key_file=keys) as api:
        client = openai.AsyncAzureOpenAI(
            azure_endpoint="http://server.test",
            api_key=secret_of("alice"),
            api_version="2025-04-01-preview",
            http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(api.app)),
        )
        answers = [
            await client.images.generate(model="dall-e-3", prompt="x", extra_body={"steps": 1}),
            await client.images.edit(model="gpt-image-1", prompt="x", image=IMAGE, extra_body={"steps": 2}),
        ]
        with pytest.raises(openai.NotFoundError, match="No model of that name"):
            await client.images.generate(model="mine", prompt="x")
    kinds = [(image.url is None, image.b64_json is None) for answer in answers for image in answer.data or ()]
    assert kinds == [(False, True), (True, False)]
    assert [(job.tenant, job.images[0].model) for job in api.engine.jobs] == [("alice", INFO.name)] * 2
