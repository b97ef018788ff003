"""In both dialects a request names its model, and the whole answer is about that model."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipelines.fake import INFO
from service.api.generation.model_names import OPENAI_NAMES
from tests.service.api.in_process import Api, run_in_process

SECOND = replace(INFO, name="second", aliases=("nickname",), default_steps=7, sizes=((64, 64),))


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with run_in_process(tmp_path) as api:
        api.engine.served.others = [SECOND]
        api.engine.served.unusable = ["broken"]
        yield api


def parameters(file: bytes) -> str:
    """Returns the parameters in a PNG."""
    with Image.open(io.BytesIO(file)) as image:
        return str(image.info["parameters"])


async def test_an_answer_of_openais_dialect_is_of_the_model_that_was_named(api: Api) -> None:
    answer = (await api.client.post("/v1/images/generations", json={"prompt": "x", "model": "nickname"})).json()

    assert (answer["model"], answer["num_inference_steps"], answer["size"]) == ("second", 7, "64x64")
    assert "Model: second" in parameters(base64.b64decode(answer["data"][0]["b64_json"]))
    assert [params.model for params in api.engine.jobs[0].images] == ["second"]


async def test_a_job_is_made_by_the_model_that_was_named(api: Api) -> None:
    job = (await api.create_job(model="second", num_inference_steps=2)).json()

    assert (job["status"], job["request"]["model"]) == ("succeeded", "second")
    assert (job["images"][0]["width"], job["images"][0]["height"]) == SECOND.sizes[0]
    file = (await api.client.get(job["images"][0]["url"])).content
    assert "Model: second" in parameters(file)
    assert [params.model for params in api.engine.jobs[0].images] == ["second"]


async def test_openais_names_stand_for_the_default_model(api: Api) -> None:
    assert (await api.generate(model="dall-e-3")).json()["model"] == INFO.name


@pytest.mark.parametrize(
    ("name", "status", "code"), [("third", 404, "model_not_found"), ("broken", 400, "model_unusable")]
)
async def test_a_model_that_cannot_be_had_is_refused_in_both_dialects(
    api: Api, name: str, status: int, code: str
) -> None:
    answer, job = await api.generate(model=name), await api.create_job(model=name)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (job.status_code, job.json()["code"]) == (status, code)
    assert "/secret" not in answer.text + job.text


async def test_all_models_are_listed_with_where_they_are(api: Api) -> None:
    listed = (await api.client.get("/v1/models")).json()["data"]
    capabilities = (await api.client.get("/api/v1/capabilities")).json()

    assert [(model["id"], model["status"], model["parent"]) for model in listed] == [
        (INFO.name, "resident", None),
        ("second", "disk", None),
        ("nickname", "disk", "second"),
        *((name, "resident", INFO.name) for name in OPENAI_NAMES),
    ]
    assert [(model["id"], model["default"], model["aliases"]) for model in capabilities["models"]] == [
        (INFO.name, True, []),
        ("second", False, ["nickname"]),
    ]
    assert capabilities["models"][1]["defaults"]["num_inference_steps"] == 7
    assert capabilities["unusable_models"] == [{"id": "broken", "error": "model_unusable"}]
    assert (await api.client.get("/v1/models/nickname")).json()["id"] == "second"
