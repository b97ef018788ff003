"""An answer says, beside the images, how much of a prompt was read, and where an image may be fetched."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from openai.types import ImagesResponse
from PIL import Image

from tests.service.api.in_process import GENERATIONS, JOBS, Api


@pytest.mark.parametrize("accept", ["application/json", "image/png"])
async def test_a_prompt_that_was_cut_is_said_to_be_with_the_tokens_that_were_read(api: Api, accept: str) -> None:
    long = {"prompt": "word " * 40, "negative_prompt": "no " * 50}
    for asked, header in (
        (long, "prompt=30/40, negative=30/50"),
        ({**long, "guidance_scale": 1}, "prompt=30/40"),
        ({**long, "long_prompt": True}, None),
        ({"prompt": "word " * 30}, None),
    ):
        answer = await api.client.post("/v1/images/generations", json=asked, headers={"Accept": accept})
        assert answer.headers.get("x-truncated-prompt") == header


async def test_each_image_says_how_much_of_its_prompts_was_read(api: Api) -> None:
    for fields in ({}, {"response_format": "url"}):
        (image,) = (await api.generate(prompt="word " * 40, **fields)).json()["data"]
        assert image["prompt_tokens"] == {"prompt": {"read": 30, "total": 40}, "negative": {"read": 0, "total": 0}}


async def test_an_answer_has_openais_usage_without_tokens_to_pay_for(api: Api) -> None:
    for model in ("gpt-image-1", "dall-e-3", None):
        usage = ImagesResponse.model_validate((await api.generate(model=model)).json()).usage
        assert usage is not None
        details = usage.input_tokens_details
        assert {usage.input_tokens, usage.output_tokens, usage.total_tokens} == {0}
        assert (details.image_tokens, details.text_tokens) == (0, 0)


async def test_urls_of_images_hold_for_an_hour(api: Api) -> None:
    asked: dict[str, Any] = {"prompt": "noise", "n": 2, "seed": 7, "output_format": "webp"}
    stored = (await api.generate(**asked, response_format="url")).json()
    inline = (await api.generate(**asked)).json()
    for image, same in zip(stored["data"], inline["data"], strict=True):
        assert (image["b64_json"], image["seed"]) == (None, same["seed"])
        linked, sent = (await api.client.get(image["url"])).content, base64.b64decode(same["b64_json"])
        assert Image.open(io.BytesIO(linked)).tobytes() == Image.open(io.BytesIO(sent)).tobytes()
        # A link may be passed on, so its file keeps the prompt to itself.
        texts = [data.replace(b"\0", b"") for data in (linked, sent)]  # Exif has its texts in UTF-16.
        assert [b"noise" in text for text in texts] == [False, True]
    expires = int(stored["data"][0]["url"].partition("expires=")[2].partition("&")[0])
    assert 0 < expires - stored["created"] <= 3600
    (job,) = (await api.client.get(JOBS)).json()["data"]
    assert (job["status"], job["seeds"]) == ("succeeded", [7, 8])


async def test_openais_older_models_answer_by_url_unless_another_form_is_asked_for(api: Api) -> None:
    by_url = {"dall-e-2": True, "dall-e-3": True, "openai/dall-e-3": True, "gpt-image-1": False, None: False}
    for model, is_url in by_url.items():
        for asked, expected in ((None, is_url), ("b64_json", False), ("url", True)):
            (image,) = (await api.generate(model=model, response_format=asked)).json()["data"]
            assert (image["url"] is not None, image["b64_json"] is not None) == (expected, not expected), model


async def test_such_a_model_answers_without_urls_where_there_can_be_none(api: Api, api_without_store: Api) -> None:
    streamed = await api.generate(model="dall-e-3", stream=True)
    sole = await api.client.post(
        GENERATIONS, json={"prompt": "x", "model": "dall-e-3", "steps": 1}, headers={"Accept": "image/png"}
    )
    assert "image_generation.completed" in streamed.text
    assert sole.headers["content-type"] == "image/png"
    assert (await api.client.get(JOBS)).json()["data"] == []
    assert (await api_without_store.generate(model="dall-e-3")).json()["data"][0]["url"] is None


async def test_urls_are_refused_where_no_images_are_stored(api_without_store: Api) -> None:
    answer = await api_without_store.generate(response_format="url")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "response_format")
    assert (await api_without_store.generate()).status_code == 200
