"""POST /v1/images/generations through the official client: what is drawn, and what the answer says of it."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from PIL import Image

from pipelines.fake import INFO
from pipelines.params import GenerationParams
from service.errors import DeadlineExceededError, EngineUnavailableError, GenerationFailedError, QueueFullError
from service.images.metadata import parameters_text
from service.settings import Settings
from tests.harness.fake_engine import UNENCODABLE, draw
from tests.harness.http_server import Harness, serve_in_thread
from tests.levels import integration_fixture
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in


@pytest.fixture(scope="module")
@integration_fixture
def discreet_server() -> Iterator[Harness]:
    """Its images carry no parameters."""
    yield from serve_in_thread(Settings(port=0, admin_port=None, embed_parameters=False))


def image(b64_json: str | None) -> Image.Image:
    assert b64_json is not None
    return Image.open(io.BytesIO(base64.b64decode(b64_json)))


def test_a_prompt_becomes_a_png_of_the_models_default_size_steps_and_guidance(
    server: Harness, client: openai.OpenAI
) -> None:
    answer = client.images.generate(prompt="a red circle")
    assert answer.data is not None
    drawn = image(answer.data[0].b64_json)
    assert (drawn.format, drawn.size, answer.size) == ("PNG", INFO.sizes[0], "128x128")
    (params,) = server.engine.jobs[0].images
    assert (params.prompt, params.negative_prompt) == ("a red circle", "")
    assert (params.steps, params.guidance_scale) == (INFO.default_steps, INFO.default_guidance_scale)
    assert (params.sampler, params.schedule) == (INFO.default_sampler, None)


def test_the_pixels_are_the_engines_own(client: openai.OpenAI) -> None:
    answer = client.images.generate(prompt="x", extra_body={"seed": 3})
    assert answer.data is not None
    assert answer.model_extra is not None
    params = GenerationParams(
        prompt="x", width=128, height=128, steps=20, guidance_scale=4.0, seed=3, sampler=INFO.default_sampler
    )
    assert image(answer.data[0].b64_json).tobytes() == draw(params).pixels
    assert answer.model_extra["num_inference_steps"] == params.steps


def test_image_i_of_n_is_made_with_seed_plus_i_and_says_so(client: openai.OpenAI) -> None:
    answer = client.images.with_raw_response.generate(prompt="x", n=3, extra_body={"seed": 7, "steps": 1})
    data = answer.parse().data
    assert data is not None
    assert [image.model_extra["seed"] for image in data if image.model_extra] == [7, 8, 9]
    assert len({image.b64_json for image in data}) == 3
    assert answer.headers["x-seed"] == "7"


@pytest.mark.parametrize("seed", [None, -1])
def test_a_seed_that_is_left_to_us_is_drawn_and_returned(server: Harness, seed: int | None) -> None:
    answers = [server.post(prompt="x", seed=seed, steps=1).json()["data"][0]["seed"] for _ in range(2)]
    assert answers[0] != answers[1]
    assert [job.images[0].seed for job in server.engine.jobs] == answers


def test_every_extension_reaches_the_engine(server: Harness) -> None:
    server.post(
        prompt="x",
        size="160x96",
        seed=2**63 - 1,
        negative_prompt="blurry",
        num_inference_steps=5,
        guidance_scale=1,
        sampler="DPM++ 2M",
        schedule="karras",
    )
    assert server.engine.jobs[0].images[0] == GenerationParams(
        prompt="x",
        width=160,
        height=96,
        seed=2**63 - 1,
        negative_prompt="blurry",
        steps=5,
        guidance_scale=1.0,
        sampler="dpm++_2m",
        schedule="karras",
    )


def test_priority_and_deadline_reach_the_engine(server: Harness) -> None:
    server.post(prompt="x", steps=1, priority="batch", deadline_s=2.5)
    server.post(prompt="x", steps=1)

    assert [(job.priority, job.deadline_s) for job in server.engine.jobs] == [("batch", 2.5), ("interactive", None)]


def test_a_deadline_that_could_not_be_met_is_504_and_not_to_be_retried(server: Harness) -> None:
    server.engine.failure = DeadlineExceededError("Too late.")
    answer = server.post(prompt="x", steps=1, deadline_s=1)

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert answer.headers["X-Should-Retry"] == "false"


def test_aliases_mean_what_they_stand_for(server: Harness) -> None:
    server.post(prompt="x", steps=3, cfg_scale=2.5, sampler_name="Euler", scheduler="karras")
    params = server.engine.jobs[0].images[0]
    assert (params.steps, params.guidance_scale, params.sampler, params.schedule) == (3, 2.5, "euler", "karras")


@pytest.mark.parametrize(
    ("output_format", "compression", "pil_format", "lossless"),
    [
        ("png", None, "PNG", True),
        ("webp", None, "WEBP", True),
        ("webp", 50, "WEBP", False),
        ("jpeg", 90, "JPEG", False),
    ],
)
def test_the_image_comes_in_the_format_that_was_asked_for(
    server: Harness, output_format: str, compression: int | None, pil_format: str, lossless: bool
) -> None:
    body = server.post(prompt="y", seed=1, output_format=output_format, output_compression=compression).json()
    drawn = image(body["data"][0]["b64_json"])
    exact = draw(server.engine.jobs[0].images[0]).pixels
    assert (drawn.format, body["output_format"]) == (pil_format, output_format)
    assert (drawn.convert("RGB").tobytes() == exact) is lossless


@pytest.mark.parametrize("output_format", FORMATS)
def test_every_image_carries_the_parameters_that_made_it(server: Harness, output_format: str) -> None:
    answer = server.post(
        prompt="a red circle", negative_prompt="blurry", n=2, seed=7, steps=1, output_format=output_format
    )
    carried = [parameters_in(base64.b64decode(image["b64_json"])) for image in answer.json()["data"]]
    assert carried == [parameters_text(params, INFO.name) for params in server.engine.jobs[0].images]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("output_format", FORMATS)
def test_images_that_are_to_carry_no_parameters_hold_no_prompt_and_still_say_that_a_model_made_them(
    server: Harness, discreet_server: Harness, output_format: str, stream: bool
) -> None:
    def file_from(harness: Harness) -> bytes:
        answer = harness.post(prompt="cAnArY7", seed=7, steps=1, output_format=output_format, stream=stream)
        (b64_json,) = re.findall(r'"b64_json": ?"([^"]+)"', answer.text)
        return base64.b64decode(b64_json)

    assert holds(file_from(server), "cAnArY7")
    file = file_from(discreet_server)
    assert not holds(file, "cAnArY7")
    assert parameters_in(file) is None
    assert source_type_in(file) == MADE_BY_A_MODEL


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        ("auto", "128x128"),
        ("1024x1024", "1024x1024"),
        ("1792x1024", "160x96"),
        ("1024x1792", "96x160"),
        ("32x32", "128x128"),
        ("200x104", "200x104"),
        ("201x104", "160x96"),
    ],
)
def test_a_size_that_the_model_cannot_draw_becomes_the_nearest_of_its_aspect(
    server: Harness, asked: str, drawn: str
) -> None:
    answer = server.post(prompt="x", size=asked, steps=1)
    assert answer.json()["size"] == drawn
    assert answer.headers.get("x-adjusted-params") == (None if asked in (drawn, "auto") else f"size={drawn}")
    assert image(answer.json()["data"][0]["b64_json"]).size == tuple(map(int, drawn.split("x")))


@pytest.mark.parametrize(
    "name", ["dall-e-3", "gpt-image-1", "gpt-image-2.5-sunburst", "chatgpt-image-latest", INFO.name]
)
def test_openais_names_stand_for_the_served_model(server: Harness, name: str) -> None:
    assert server.post(prompt="x", model=name).json()["model"] == INFO.name


def test_a_model_that_nobody_knows_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as failure:
        client.images.generate(prompt="x", model="another")
    assert (failure.value.code, failure.value.param) == ("model_not_found", "model")


def test_openais_own_fields_without_a_meaning_here_are_taken(client: openai.OpenAI) -> None:
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


def test_unknown_fields_are_ignored_and_named_in_a_header(server: Harness) -> None:
    answer = server.post(prompt="x", lora="a", clip_skip=2, **{"r\r\nsplit": 1, "ü": 2, "nothing": None})
    assert answer.status_code == 200
    assert answer.headers["x-ignored-params"] == "lora, clip_skip"


def test_every_answer_has_an_id_of_its_own_and_forbids_sniffing(server: Harness, client: openai.OpenAI) -> None:
    first, second = client.images.generate(prompt="x"), client.images.generate(prompt="x")
    assert first._request_id != second._request_id
    assert server.post().headers["x-content-type-options"] == "nosniff"


def test_a_full_queue_is_a_rate_limit_that_the_client_waits_out(server: Harness, client: openai.OpenAI) -> None:
    server.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=0.02)]
    assert client.images.generate(prompt="x").data
    assert len(server.engine.jobs) == 1


def test_a_full_queue_says_when_to_come_back(server: Harness) -> None:
    server.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=1.2)]
    answer = server.post(prompt="x")
    assert answer.status_code == 429
    assert (answer.headers["retry-after"], answer.headers["retry-after-ms"]) == ("2", "1200")
    assert answer.json()["error"] == {
        "message": "Too many images wait already.",
        "type": "rate_limit_error",
        "param": None,
        "code": "queue_full",
    }


def test_while_the_model_is_loaded_callers_are_told_to_come_back(server: Harness) -> None:
    server.engine.info = None
    answer = server.post(prompt="x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    server.engine.reset()
    server.engine.refusals = [EngineUnavailableError("The model is being loaded.", retry_after_s=5.0)]
    assert server.post(prompt="x").json()["error"]["code"] == "engine_unavailable"


def test_an_image_that_fails_for_good_is_not_tried_again(server: Harness, client: openai.OpenAI) -> None:
    server.engine.failure = GenerationFailedError("The image could not be made.")
    with pytest.raises(openai.InternalServerError) as failure:
        client.images.generate(prompt="x")
    assert failure.value.code == "generation_failed"
    assert failure.value.response.headers["x-should-retry"] == "false"
    assert len(server.engine.jobs) == 1


def test_an_image_that_cannot_be_encoded_fails_alone(server: Harness) -> None:
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda prompt: server.post(prompt=prompt), [*"abcdefg", UNENCODABLE]))

    assert [answer.status_code for answer in answers] == [200] * 7 + [500]
    assert answers[-1].json()["error"]["code"] == "internal_error"
    assert server.post(prompt="h").status_code == 200


def test_an_error_that_nobody_foresaw_says_nothing_of_itself(server: Harness) -> None:
    server.engine.failure = RuntimeError("cAnArY7 in /home/someone")
    answer = server.post(prompt="x", steps=1)
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "message": "Something went wrong.",
        "type": "server_error",
        "param": None,
        "code": "internal_error",
    }
    assert answer.headers["x-request-id"]
    streamed = server.post(prompt="x", steps=1, stream=True)
    assert "internal_error" in streamed.text
    assert "cAnArY7" not in streamed.text
