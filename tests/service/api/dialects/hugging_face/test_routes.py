"""POST /hf and POST / are answered with an image, or with an error that is one text."""

from __future__ import annotations

import base64
import io
from typing import Any, Final

import httpx2
import pytest
from PIL import Image

from service.errors import EngineUnavailableError, GenerationFailedError, QueueFullError
from tests.harness.keys import bearer
from tests.harness.wire.http_server import Harness, post_and_hang_up, wait_until
from tests.service.api.in_process import Api
from tests.service.images.inputs.samples import picture, saved

FILE: Final = base64.b64encode(saved(picture((96, 64)))).decode()


async def infer(api: Api, path: str = "/hf", accept: str = "*/*", **parameters: Any) -> httpx2.Response:
    body = {"inputs": "a red circle", "parameters": {"num_inference_steps": 1, **parameters}}
    return await api.client.post(path, json=body, headers={"Accept": accept})


def format_of(answer: httpx2.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        assert answer.headers["content-type"] == f"image/{str(image.format).lower()}"
        return image.format


@pytest.mark.parametrize("path", ["/hf", "/", "/hf/models/darkroom-fake"])
async def test_the_answer_is_the_bytes_of_a_png_with_its_seed(api: Api, path: str) -> None:
    answer = await infer(api, path, seed=7)
    assert (format_of(answer), answer.headers["x-seed"]) == ("PNG", "7")
    assert [job.images[0].prompt for job in api.engine.jobs] == ["a red circle"]


async def test_accept_chooses_the_format_and_never_json(api: Api) -> None:
    formats = {"image/jpeg": "JPEG", "image/webp": "WEBP", "image/png": "PNG", "application/json": "PNG"}
    for accept, expected in formats.items():
        assert format_of(await infer(api, accept=accept)) == expected
    assert format_of(await infer(api, accept="image/png", output_format="webp")) == "WEBP"


async def test_an_image_starts_from_an_image_where_the_parameters_have_a_prompt(api: Api) -> None:
    body = {"inputs": FILE, "parameters": {"prompt": "a blue star", "num_inference_steps": 4}}
    answer = await api.client.post("/hf", json=body)
    assert format_of(answer) == "PNG"
    (params,) = api.engine.jobs[0].images
    assert (params.prompt, params.width, params.height) == ("a blue star", 96, 64)
    assert params.image is not None


async def test_an_unknown_model_and_a_bad_field_are_told_in_one_text(api: Api) -> None:
    unknown = await infer(api, "/hf/models/someone/else")
    assert (unknown.status_code, set(unknown.json())) == (404, {"error"})
    bad = await infer(api, width=-1)
    assert bad.status_code == 400
    assert bad.json()["error"].startswith("width: ")
    not_there = await api.client.get("/hf/nothing")
    assert (not_there.status_code, not_there.json()) == (404, {"error": "Not Found."})


async def test_no_error_is_answered_503_since_the_clients_would_repeat_the_request_without_end(api: Api) -> None:
    for path in ("/hf", "/"):
        api.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=2.5)]
        full = await infer(api, path)
        assert (full.status_code, full.json()) == (429, {"error": "Too many images wait already."})
        assert full.headers["retry-after"] == "3"
        api.engine.refusals = [EngineUnavailableError("The server is shutting down.")]
        assert (await infer(api, path)).status_code == 429
    api.engine.failure = GenerationFailedError("The image could not be made.")
    assert (await infer(api)).status_code == 500


def test_a_caller_that_hangs_up_cancels_its_image(server: Harness) -> None:
    server.engine.holds_starts = True
    body = {"inputs": "x", "parameters": {"num_inference_steps": 1}}
    post_and_hang_up(server, "/hf", body, lambda: bool(server.engine.jobs))
    wait_until(lambda: server.engine.idle)


async def test_a_request_needs_a_key_where_the_server_has_keys_also_at_the_path_of_the_page(guarded: Api) -> None:
    for path in ("/hf", "/", "/hf/models/darkroom-fake"):
        refused = await infer(guarded, path)
        assert (refused.status_code, set(refused.json())) == (401, {"error"})
        body = {"inputs": "x", "parameters": {"num_inference_steps": 1}}
        served = await guarded.client.post(path, json=body, headers=bearer("alice"))
        assert served.status_code == 200, served.text
    assert [job.tenant for job in guarded.engine.jobs] == ["alice"] * 3
