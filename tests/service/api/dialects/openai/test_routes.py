"""POST /v1/images/generations: what comes back for what was asked, in the official client and without a socket."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from pathlib import Path
from typing import Final

import openai
import pytest
from PIL import Image

from pipelines.fake import INFO
from pipelines.params import GenerationParams
from service.errors import (
    DarkroomError,
    DeadlineExceededError,
    EngineUnavailableError,
    GenerationFailedError,
    QueueFullError,
)
from service.images.metadata import parameters_text
from tests.harness.engine.fake_drawing import UNENCODABLE, draw
from tests.harness.wire.http_server import Harness
from tests.service.api.in_process import Api, run_in_process
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in

CANARY: Final = "cAnArY7"


def decode(b64_json: str | None) -> Image.Image:
    assert b64_json is not None
    return Image.open(io.BytesIO(base64.b64decode(b64_json)))


def test_a_prompt_becomes_a_png_of_the_models_default_size_steps_and_guidance(
    server: Harness, client: openai.OpenAI
) -> None:
    answer = client.images.generate(prompt="a red circle")
    assert answer.data is not None
    image = decode(answer.data[0].b64_json)
    assert (image.format, image.size, answer.size) == ("PNG", INFO.sizes[0], "128x128")
    (params,) = server.engine.jobs[0].images
    assert (params.prompt, params.steps, params.sampler) == ("a red circle", INFO.default_steps, INFO.default_sampler)
    assert image.tobytes() == draw(params).pixels


def test_each_image_says_with_which_seed_it_was_made(client: openai.OpenAI) -> None:
    answer = client.images.with_raw_response.generate(prompt="x", n=3, extra_body={"seed": 7, "steps": 1})
    data = answer.parse().data
    assert data is not None
    assert [image.model_extra["seed"] for image in data if image.model_extra] == [7, 8, 9]
    assert len({image.b64_json for image in data}) == 3
    assert answer.headers["x-seed"] == "7"


def test_fields_of_openais_that_mean_nothing_here_are_accepted(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        prompt="x",
        quality="hd",
        style="vivid",
        background="auto",
        moderation="low",
        user="u",
        response_format="b64_json",
    )
    assert (answer.quality, answer.background) == ("high", "opaque")


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as failure:
        client.images.generate(prompt="x", model="another")
    assert (failure.value.code, failure.value.param) == ("model_not_found", "model")


def test_the_client_waits_out_a_full_queue(server: Harness, client: openai.OpenAI) -> None:
    server.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=0.02)]
    assert client.images.generate(prompt="x").data
    assert len(server.engine.jobs) == 1


def test_the_client_does_not_ask_again_for_an_image_that_fails_for_good(server: Harness, client: openai.OpenAI) -> None:
    server.engine.failure = GenerationFailedError("The image could not be made.")
    with pytest.raises(openai.InternalServerError) as failure:
        client.images.generate(prompt="x")
    assert failure.value.code == "generation_failed"
    assert failure.value.response.headers["x-should-retry"] == "false"
    assert len(server.engine.jobs) == 1


def test_the_client_is_given_urls(client: openai.OpenAI) -> None:
    answer = client.images.generate(prompt="x", response_format="url", extra_body={"steps": 1})
    assert answer.data is not None
    assert answer.data[0].url is not None
    assert answer.data[0].b64_json is None


async def test_every_parameter_reaches_the_engine_and_comes_back(api: Api) -> None:
    asked = {
        "size": "160x96",
        "seed": 2**63 - 1,
        "negative_prompt": "blurry",
        "num_inference_steps": 5,
        "guidance_scale": 1,
        "sampler": "DPM++ 2M",
        "schedule": "karras",
        "priority": "batch",
        "deadline_s": 600,
    }
    answer = (await api.generate(prompt="a red circle", **asked)).json()
    (job,) = api.engine.jobs
    assert job.images == (
        GenerationParams(
            model=INFO.name,
            prompt="a red circle",
            width=160,
            height=96,
            seed=2**63 - 1,
            negative_prompt="blurry",
            steps=5,
            guidance_scale=1.0,
            sampler="dpm++_2m",
            schedule="karras",
        ),
    )
    assert (job.priority, job.deadline_s) == ("batch", 600)
    settings = {name: answer[name] for name in ("size", "num_inference_steps", "guidance_scale", "sampler", "schedule")}
    assert settings == {**{name: asked[name] for name in settings}, "sampler": "dpm++_2m"}


@pytest.mark.parametrize("seed", [None, -1])
async def test_a_seed_that_is_not_given_is_drawn_and_comes_back(api: Api, seed: int | None) -> None:
    seeds = [(await api.generate(seed=seed)).json()["data"][0]["seed"] for _ in range(2)]
    assert seeds[0] != seeds[1]
    assert [job.images[0].seed for job in api.engine.jobs] == seeds


@pytest.mark.parametrize(
    ("output_format", "compression", "pil_format", "lossless"),
    [
        ("png", None, "PNG", True),
        ("webp", None, "WEBP", True),
        ("webp", 50, "WEBP", False),
        ("jpeg", 90, "JPEG", False),
    ],
)
async def test_the_image_comes_in_the_format_that_was_asked_for(
    api: Api, output_format: str, compression: int | None, pil_format: str, lossless: bool
) -> None:
    answer = (await api.generate(prompt="noise", output_format=output_format, output_compression=compression)).json()
    image = decode(answer["data"][0]["b64_json"])
    exact = draw(api.engine.jobs[0].images[0]).pixels
    assert (image.format, answer["output_format"]) == (pil_format, output_format)
    assert (image.convert("RGB").tobytes() == exact) is lossless


@pytest.mark.parametrize(
    ("accept", "mime"), [("image/*", "image/png"), ("image/webp", "image/webp"), ("image/jpeg", "image/jpeg")]
)
async def test_accept_asks_for_the_image_itself(api: Api, accept: str, mime: str) -> None:
    body = {"prompt": "x", "steps": 1, "seed": 7, "output_format": "png"}
    answer = await api.client.post("/v1/images/generations", json=body, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"], answer.headers["x-seed"]) == (200, mime, "7")
    assert Image.open(io.BytesIO(answer.content)).size == INFO.sizes[0]


async def test_accept_cannot_ask_for_several_images_in_one(api: Api) -> None:
    body = {"prompt": "x", "n": 2}
    answer = await api.client.post("/v1/images/generations", json=body, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "n")


@pytest.mark.parametrize("output_format", FORMATS)
async def test_every_image_carries_the_parameters_that_made_it(api: Api, output_format: str) -> None:
    answer = await api.generate(
        prompt="a red circle", negative_prompt="blurry", n=2, seed=7, output_format=output_format
    )
    carried = [parameters_in(base64.b64decode(image["b64_json"])) for image in answer.json()["data"]]
    assert carried == [parameters_text(params, INFO.name) for params in api.engine.jobs[0].images]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("output_format", FORMATS)
async def test_images_without_parameters_hold_no_prompt_and_still_say_that_a_model_made_them(
    api: Api, tmp_path: Path, output_format: str, stream: bool
) -> None:
    async def file_from(api: Api) -> bytes:
        answer = await api.generate(prompt=CANARY, seed=7, output_format=output_format, stream=stream)
        (b64_json,) = re.findall(r'"b64_json": ?"([^"]+)"', answer.text)
        return base64.b64decode(b64_json)

    assert holds(await file_from(api), CANARY)
    async with run_in_process(tmp_path / "other", keeps_jobs=False, embed_parameters=False) as discreet:
        file = await file_from(discreet)
    assert not holds(file, CANARY)
    assert parameters_in(file) is None
    assert source_type_in(file) == MADE_BY_A_MODEL


async def test_a_size_that_the_model_cannot_draw_is_adjusted_and_named(api: Api) -> None:
    answer = await api.generate(size="1792x1024")
    assert (answer.json()["size"], answer.headers["x-adjusted-params"]) == ("160x96", "size=160x96")
    assert decode(answer.json()["data"][0]["b64_json"]).size == (160, 96)


async def test_guidance_that_is_none_is_said_to_be_none(api: Api) -> None:
    answer = await api.generate(guidance_scale=0.5, size="1792x1024")
    assert answer.json()["guidance_scale"] == 1
    assert answer.headers["x-adjusted-params"] == "size=160x96, guidance_scale=1"


async def test_a_completed_event_says_how_much_of_its_prompts_was_read(api: Api) -> None:
    stream = await api.generate(prompt="word " * 40, stream=True)
    assert '"prompt_tokens":{"prompt":{"read":30,"total":40}' in stream.text


async def test_a_full_queue_says_when_to_come_back(api: Api) -> None:
    api.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=1.2)]
    answer = await api.generate()
    assert answer.status_code == 503
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("2", "1200")
    assert answer.json()["error"] == {
        "message": "Too many images wait already.",
        "type": "server_error",
        "param": None,
        "code": "queue_full",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (DeadlineExceededError("Too late."), 504, "deadline_exceeded"),
        (GenerationFailedError("It failed."), 500, "generation_failed"),
        (EngineUnavailableError("The model is being loaded.", retry_after_s=5), 503, "engine_unavailable"),
    ],
)
async def test_a_failed_image_is_answered_with_the_status_of_its_error(
    api: Api, error: DarkroomError, status: int, code: str
) -> None:
    api.engine.failure = error
    answer = await api.generate()
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_while_the_model_is_loaded_callers_are_told_when_to_come_back(api: Api) -> None:
    api.engine.info = None
    answer = await api.generate()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_an_image_that_cannot_be_encoded_fails_alone(api: Api) -> None:
    answers = await asyncio.gather(*(api.generate(prompt=prompt) for prompt in [*"abcdefg", UNENCODABLE]))
    assert [answer.status_code for answer in answers] == [200] * 7 + [500]
    assert answers[-1].json()["error"]["code"] == "internal_error"
    assert (await api.generate()).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unforeseen_error_says_nothing_about_itself(api: Api, stream: bool) -> None:
    api.engine.failure = RuntimeError(f"{CANARY} in /home/someone")
    answer = await api.generate(stream=stream)
    assert answer.status_code == (200 if stream else 500)
    assert "internal_error" in answer.text
    assert CANARY not in answer.text
