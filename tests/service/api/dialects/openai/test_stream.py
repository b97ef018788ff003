"""`stream: true`: OpenAI's events with the engine's own previews, and what happens when something goes wrong."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest
from PIL import Image

from service.api.dependencies import Services
from service.api.dialects.openai.generation import Generation
from service.api.dialects.openai.resolve import parse_request, plan
from service.api.dialects.openai.stream import STREAM_SCHEMAS, frames
from service.engine.interface import ImageEvent, ImageProgress, Job
from service.errors import CanceledError, OutOfMemoryError, QueueFullError
from service.images.encoding import ImageFormat
from tests.harness.wire.http_server import Harness, wait_until
from tests.service.api.in_process import GENERATIONS, Api
from tests.service.images.reading import FORMATS, MADE_BY_A_MODEL, holds, parameters_in, source_type_in
from tests.service.serving import Serve

if TYPE_CHECKING:
    import openai


def data_of(text: str) -> list[dict[str, Any]]:
    """The data of all events of a stream."""
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def make_generation(api: Api, **fields: object) -> Generation:
    services: Services = api.app.state.services
    model = services.engine.model
    parsed = parse_request({"prompt": "x", "stream": True, **fields})
    return Generation(services, parsed, plan(parsed, model), model.name, None)


def test_the_client_is_sent_previews_before_the_finished_image(client: openai.OpenAI) -> None:
    from openai.types import ImageGenCompletedEvent, ImageGenPartialImageEvent

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
        told = (event.size, event.output_format, event.background, event.quality)
        assert told == ("160x96", "webp", "opaque", "medium")
        assert Image.open(io.BytesIO(base64.b64decode(event.b64_json))).size == (160, 96)
    assert (last.model_extra or {})["seed"] == 5
    assert last.usage.total_tokens == 0


def test_an_error_in_mid_stream_raises_in_the_client(server: Harness, client: openai.OpenAI) -> None:
    import openai

    server.engine.failure = OutOfMemoryError("The image does not fit into memory.")
    with pytest.raises(openai.APIError) as failure:
        list(client.images.generate(prompt="x", stream=True))
    assert (failure.value.code, failure.value.message) == ("out_of_memory", "The image does not fit into memory.")


@pytest.mark.parametrize("output_format", FORMATS)
async def test_previews_say_that_a_model_made_them_and_do_not_hold_the_prompt(
    api_without_store: Api, output_format: ImageFormat
) -> None:
    answer = await api_without_store.generate(
        prompt="cAnArY7", stream=True, partial_images=2, output_format=output_format, num_inference_steps=3
    )
    *previews, finished = [base64.b64decode(event["b64_json"]) for event in data_of(answer.text)]
    assert len(previews) == 2
    assert [source_type_in(file) for file in (*previews, finished)] == [MADE_BY_A_MODEL] * 3
    assert [parameters_in(file) for file in previews] == [None, None]
    assert [holds(file, "cAnArY7") for file in (*previews, finished)] == [False, False, True]


async def test_without_partial_images_only_the_finished_image_comes(api_without_store: Api) -> None:
    (event,) = data_of((await api_without_store.generate(stream=True)).text)
    assert event["type"] == "image_generation.completed"
    assert api_without_store.engine.jobs[0].previews == 0


async def test_each_of_n_images_is_completed_once_and_says_which_it_is(api_without_store: Api) -> None:
    events = data_of((await api_without_store.generate(n=3, stream=True, seed=1)).text)
    assert [(event["index"], event["seed"]) for event in events] == [(0, 1), (1, 2), (2, 3)]


async def test_every_event_is_named_by_its_type_and_is_not_to_be_buffered(api_without_store: Api) -> None:
    answer = await api_without_store.generate(stream=True, partial_images=1, num_inference_steps=2)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["x-accel-buffering"], answer.headers["cache-control"]) == ("no", "no-store")
    named = [frame.split("\n")[0].removeprefix("event: ") for frame in answer.text.strip().split("\n\n")]
    assert named == [event["type"] for event in data_of(answer.text)]
    assert {*named, "message"} == set(STREAM_SCHEMAS["image_generation"]["properties"]["event"]["enum"]), (
        "an error has no name"
    )


async def test_an_error_that_is_known_before_the_stream_is_an_ordinary_status(api_without_store: Api) -> None:
    assert (await api_without_store.generate(prompt="", stream=True)).status_code == 400
    api_without_store.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=1)]
    assert (await api_without_store.generate(stream=True)).status_code == 503


async def test_finished_images_are_sent_before_the_error_that_ends_the_stream(api_without_store: Api) -> None:
    generation = make_generation(api_without_store, n=2, steps=1)
    api_without_store.engine.held_before = (1, 1)
    job = api_without_store.engine.submit(generation.plan.images)
    stream = frames(generation, job)
    first = (await anext(stream)).decode()
    job.end(OutOfMemoryError("The image does not fit into memory."))
    rest = b"".join([frame async for frame in stream]).decode()
    assert [event["type"] for event in data_of(first)] == ["image_generation.completed"]
    assert data_of(rest) == [
        {
            "error": {
                "message": "The image does not fit into memory.",
                "type": "server_error",
                "param": None,
                "code": "out_of_memory",
            }
        }
    ]


async def test_silence_is_filled_with_comments_and_a_reader_that_leaves_cancels_the_job(api_without_store: Api) -> None:
    generation = make_generation(api_without_store)
    api_without_store.engine.held_before = (0, 1)
    job = api_without_store.engine.submit(generation.plan.images)
    stream = frames(generation, job, heartbeat_s=0.01)
    assert [await anext(stream) for _ in range(2)] == [b": ping\n\n"] * 2
    await stream.aclose()
    with pytest.raises(CanceledError):
        await job.result()


class SteppingJob:
    """A job that makes many short steps, of which the reader sees nothing, and then fails."""

    async def events(self) -> AsyncIterator[ImageEvent]:
        for step in range(1, 31):
            await asyncio.sleep(0.02)
            yield ImageProgress(0, step, 1.0)
        raise OutOfMemoryError("no room")

    def cancel(self) -> None:
        """Nothing is under way any more."""


async def test_steps_that_the_reader_does_not_see_break_no_silence(api_without_store: Api) -> None:
    stream = frames(make_generation(api_without_store), cast(Job, SteppingJob()), heartbeat_s=0.1)
    *pings, error = [frame async for frame in stream]

    assert pings
    assert set(pings) == {b": ping\n\n"}
    assert b"no room" in error


def assert_canceled_within_two_steps(server: Harness) -> None:
    (job,) = server.engine.jobs
    wait_until(lambda: job.canceled)
    steps = server.engine.steps
    wait_until(lambda: server.engine.idle)
    assert server.engine.steps <= steps + 2 < 200


def test_a_reader_that_leaves_the_stream_frees_its_rows(server: Harness) -> None:
    server.engine.step_s = 0.02
    body = {"prompt": "x", "stream": True, "steps": 200, "partial_images": 1}
    with server.client.stream("POST", GENERATIONS, json=body) as answer:
        next(answer.iter_bytes())
    assert_canceled_within_two_steps(server)


def test_a_caller_that_hangs_up_frees_its_rows(server: Harness) -> None:
    server.engine.step_s = 0.02
    with pytest.raises(httpx2.ReadTimeout):
        server.client.post(GENERATIONS, json={"prompt": "x", "steps": 200}, timeout=httpx2.Timeout(60, read=0.2))
    assert_canceled_within_two_steps(server)


def test_a_server_that_stops_ends_the_stream_with_an_error(serve: Serve) -> None:
    with serve() as server:
        server.engine.held_before = (0, 1)
        body = {"prompt": "x", "stream": True, "steps": 2, "partial_images": 1}
        with server.client.stream("POST", GENERATIONS, json=body) as answer:
            wait_until(lambda: bool(server.engine.jobs))
            server.stop_engine()
            (last,) = data_of(answer.read().decode())
    assert last["error"]["code"] == "engine_unavailable"
