"""Images to start from are found wherever OpenAI's and LocalAI's clients put them, and refused where they cannot be."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any, Final

import httpx2
import pytest
from PIL import Image

from pipelines.fake import INFO
from tests.service.api.in_process import GENERATIONS, Api
from tests.service.images.inputs.samples import picture, saved

EDITS: Final = "/v1/images/edits"
SIZE: Final = (96, 64)


def data_url(file: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


IMAGE: Final = data_url(saved(picture(SIZE)))
MASK: Final = data_url(saved(Image.new("L", SIZE, 255)))


async def post(api: Api, path: str, **fields: Any) -> httpx2.Response:
    return await api.client.post(path, json={"prompt": "x", "steps": 4, "seed": 3, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"images": [{"image_url": IMAGE}]},
        {"images": [{"image_url": {"url": IMAGE}, "type": "image_url"}]},
        {"images": [IMAGE]},
        {"image": {"image_url": IMAGE, "file_id": None}},
    ],
)
async def test_an_edit_as_json_starts_from_the_image_that_it_refers_to(api: Api, fields: dict[str, Any]) -> None:
    plain = await post(api, EDITS, image=IMAGE)
    answer = await post(api, EDITS, **fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"] == plain.json()["data"]
    assert "x-ignored-params" not in answer.headers


async def test_a_mask_may_be_a_reference_too(api: Api) -> None:
    answer = await post(api, EDITS, images=[{"image_url": IMAGE}], mask={"image_url": MASK})
    assert answer.status_code == 200, answer.text
    assert api.engine.jobs[0].images[0].mask is not None


@pytest.mark.parametrize(
    ("fields", "param", "told"),
    [
        ({"images": [{"image_url": "https://images.example/cat.png"}]}, "images", "URLs are not fetched"),
        ({"images": [{"image_url": "http://127.0.0.1/cat.png"}]}, "images", "URLs are not fetched"),
        ({"images": [{"file_id": "file-1"}]}, "images", "data: URL"),
        ({"images": [{"name": "cat"}]}, "images", "image_url"),
        ({"images": [{"image_url": IMAGE}, {"image_url": IMAGE}]}, "images", "one image"),
        ({"images": []}, "images", "one image"),
        ({"images": [{"image_url": IMAGE}], "image": MASK}, "images", "given two values"),
        ({"images": [{"image_url": IMAGE}], "mask": {"file_id": "file-1"}}, "mask", "data: URL"),
        ({"images": [{"image_url": IMAGE}], "markup": {"image_url": MASK}}, "markup", "takes no image"),
    ],
)
async def test_a_reference_that_cannot_be_followed_is_refused_with_the_reason(
    api: Api, fields: dict[str, Any], param: str, told: str
) -> None:
    error = (await post(api, EDITS, **fields)).json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert told in error["message"]
    assert api.engine.jobs == []


@pytest.mark.parametrize("fields", [{"ref_images": [IMAGE]}, {"ref_images": IMAGE.partition(",")[2]}, {"file": IMAGE}])
async def test_a_generation_starts_from_the_image_of_localais_clients(api: Api, fields: dict[str, Any]) -> None:
    answer = await post(api, GENERATIONS, strength=0.5, model="dall-e-3", response_format="b64_json", **fields)
    edited = await post(api, EDITS, strength=0.5, image=IMAGE)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["data"], answer.json()["size"]) == (edited.json()["data"], "96x64")


async def test_a_stream_of_such_a_generation_has_the_events_of_generations(api: Api) -> None:
    answer = await post(api, GENERATIONS, ref_images=[IMAGE], stream=True)
    events = [json.loads(line[6:])["type"] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert events == ["image_generation.completed"]


async def test_no_image_of_localais_clients_is_ignored(api: Api) -> None:
    for fields in ({"ref_images": [IMAGE, IMAGE]}, {"ref_images": ["https://images.example/cat.png"]}):
        answer = await post(api, GENERATIONS, **fields)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "ref_images")
    api.engine.info = replace(INFO, input_kinds=())
    answer = await post(api, GENERATIONS, ref_images=[IMAGE])
    assert answer.json()["error"]["message"] == "ref_images: This model takes no image to start from."
    assert api.engine.jobs == []
    assert (await post(api, GENERATIONS, ref_images=[])).headers["x-ignored-params"] == "ref_images"
