"""`stream: true`: OpenAI's events with the engine's own previews, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator

import httpx2
import openai
import pytest
from openai.types import ImageGenCompletedEvent, ImageGenPartialImageEvent
from PIL import Image

from service.api.http.sse import with_silences
from service.errors import OutOfMemoryError, QueueFullError
from service.images.encoding import ImageFormat
from tests.harness.http_server import Harness, wait_until
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in


def test_previews_come_before_the_finished_image(client: openai.OpenAI) -> None:
    events = list(
        client.images.generate(
            prompt="x", size="160x96", stream=True, partial_images=2, output_format="webp", extra_body={"seed": 5}
        )
    )
    first, second, last = events
    assert isinstance(first, ImageGenPartialImageEvent)
    assert isinstance(second, ImageGenPartialImageEvent)
    assert isinstance(last, ImageGenCompletedEvent)
    assert [first.partial_image_index, second.partial_image_index] == [0, 1]
    for event in (first, second, last):
        assert (event.size, event.output_format, event.background, event.quality) == (
            "160x96",
            "webp",
            "opaque",
            "medium",
        )
        assert Image.open(io.BytesIO(base64.b64decode(event.b64_json))).size == (160, 96)
    assert (last.model_extra or {})["seed"] == 5
    assert last.usage.total_tokens == 0


@pytest.mark.parametrize("output_format", FORMATS)
def test_previews_say_that_a_model_made_them_and_nothing_of_the_prompt(
    client: openai.OpenAI, output_format: ImageFormat
) -> None:
    events = client.images.generate(
        prompt="cAnArY7", stream=True, partial_images=2, output_format=output_format, extra_body={"steps": 3}
    )
    *previews, finished = [base64.b64decode(event.b64_json) for event in events]
    assert len(previews) == 2
    assert [source_type_in(file) for file in (*previews, finished)] == [MADE_BY_A_MODEL] * 3
    assert [parameters_in(file) for file in previews] == [None, None]
    assert [holds(file, "cAnArY7") for file in (*previews, finished)] == [False, False, True]


def test_without_partial_images_only_the_finished_image_comes(server: Harness, client: openai.OpenAI) -> None:
    (event,) = client.images.generate(prompt="x", stream=True)
    assert isinstance(event, ImageGenCompletedEvent)
    assert server.engine.jobs[0].previews == 0


def test_each_of_n_images_is_completed_once_and_says_which_it_is(client: openai.OpenAI) -> None:
    events = client.images.generate(prompt="x", n=3, stream=True, extra_body={"steps": 1, "seed": 1})
    extras = [event.model_extra or {} for event in events]
    assert [(extra["index"], extra["seed"]) for extra in extras] == [(0, 1), (1, 2), (2, 3)]


def test_the_wire_names_each_event_and_is_not_to_be_buffered(server: Harness) -> None:
    answer = server.post(prompt="x", stream=True, partial_images=1, steps=1)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["x-accel-buffering"], answer.headers["cache-control"]) == ("no", "no-store")
    for frame in answer.text.strip().split("\n\n"):
        event, data = frame.split("\n")
        assert event == f"event: {json.loads(data.removeprefix('data: '))['type']}"


def test_an_error_known_before_the_stream_is_an_ordinary_status(server: Harness) -> None:
    assert server.post(prompt="", stream=True).status_code == 400
    server.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=1)]
    assert server.post(prompt="x", stream=True).status_code == 429


def test_an_error_in_mid_stream_raises_in_the_client(server: Harness, client: openai.OpenAI) -> None:
    server.engine.failure = OutOfMemoryError("The image does not fit into memory.")
    with pytest.raises(openai.APIError) as failure:
        list(client.images.generate(prompt="x", stream=True))
    assert (failure.value.code, failure.value.message) == ("out_of_memory", "The image does not fit into memory.")


def test_a_reader_that_leaves_the_stream_frees_its_rows(server: Harness) -> None:
    server.engine.step_s = 0.02
    body = {"prompt": "x", "stream": True, "steps": 200, "partial_images": 1}
    with server.client.stream("POST", "/v1/images/generations", json=body) as answer:
        next(answer.iter_bytes())
    assert_canceled_within_two_steps(server)


def test_a_caller_that_hangs_up_frees_its_rows(server: Harness) -> None:
    server.engine.step_s = 0.02
    with pytest.raises(httpx2.ReadTimeout):
        server.client.post(
            "/v1/images/generations", json={"prompt": "x", "steps": 200}, timeout=httpx2.Timeout(60, read=0.2)
        )
    assert_canceled_within_two_steps(server)


def assert_canceled_within_two_steps(server: Harness) -> None:
    (job,) = server.engine.jobs
    wait_until(lambda: job.canceled)
    steps = server.engine.steps
    wait_until(lambda: server.engine.idle)
    assert server.engine.steps <= steps + 2 < 200


async def test_silence_is_filled_and_loses_no_event() -> None:
    gate = asyncio.Event()

    async def events() -> AsyncIterator[str]:
        yield "first"
        await gate.wait()
        yield "second"

    heard = []
    async for event in with_silences(events(), 0.01):
        heard.append(event)
        if heard.count(None) == 2:
            gate.set()
    assert [event for event in heard if event] == ["first", "second"]
    assert heard[:3] == ["first", None, None]
