"""The requests that `client.images` sends, and how their answers are returned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from darkroom import Darkroom
from tests.client import answers
from tests.client.both import Clients


class Recorder:
    """A handler that answers every request and keeps it."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return answers.images()

    @property
    def body(self) -> dict[str, Any]:
        (request,) = self.requests
        body: dict[str, Any] = json.loads(request.content)
        return body


def test_generate_sends_its_arguments_under_their_wire_names(connect: Clients) -> None:
    recorder = Recorder()
    connect(recorder).images.generate(
        prompt="a red circle",
        model="bundled",
        n=2,
        size="128x128",
        seed=7,
        negative_prompt="blue",
        steps=20,
        guidance_scale=4.5,
        sampler="euler_a",
        schedule="karras",
        output_format="webp",
        priority="batch",
        deadline_s=30.0,
    )
    assert (recorder.requests[0].method, recorder.requests[0].url.path) == ("POST", "/v1/images/generations")
    assert recorder.body == {
        "prompt": "a red circle",
        "model": "bundled",
        "n": 2,
        "size": "128x128",
        "seed": 7,
        "negative_prompt": "blue",
        "num_inference_steps": 20,
        "guidance_scale": 4.5,
        "sampler": "euler_a",
        "schedule": "karras",
        "output_format": "webp",
        "priority": "batch",
        "deadline_s": 30.0,
        "response_format": "b64_json",
    }


def test_arguments_that_are_none_are_not_sent(connect: Clients) -> None:
    recorder = Recorder()
    connect(recorder).images.generate(prompt="a red circle", seed=None, size=None)
    assert recorder.body == {"prompt": "a red circle", "response_format": "b64_json"}


def test_an_unknown_keyword_is_refused_before_anything_is_sent(connect: Clients) -> None:
    recorder = Recorder()
    with pytest.raises(TypeError, match=r"generate.*'setps'"):
        connect(recorder).images.generate(prompt="a red circle", setps=3)
    assert not recorder.requests


def test_a_stream_is_requested_with_its_number_of_previews(connect: Clients) -> None:
    bodies: list[bytes] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        bodies.append(request.content)
        return answers.stream(answers.completed())

    list(connect(handler).images.stream(prompt="a red circle", partial_images=3))
    assert [json.loads(body) for body in bodies] == [
        {"prompt": "a red circle", "stream": True, "partial_images": 3, "response_format": "b64_json"}
    ]


def test_the_prompt_is_a_keyword_argument() -> None:
    with Darkroom() as client, pytest.raises(TypeError):
        client.images.generate("a red circle")  # type: ignore[call-arg]  # the wrong call is what is tested


def test_an_edit_sends_the_image_and_the_mask_as_text(connect: Clients, tmp_path: Path) -> None:
    recorder, path = Recorder(), tmp_path / "circle.png"
    path.write_bytes(answers.png())
    connect(recorder).images.edit(prompt="a star", image=path, mask=answers.png(), strength=0.5, extend={"left": 8})
    assert recorder.requests[0].url.path == "/v1/images/edits"
    assert recorder.body == {
        "prompt": "a star",
        "image": answers.b64_png(),
        "mask": answers.b64_png(),
        "strength": 0.5,
        "extend": {"left": 8},
        "response_format": "b64_json",
    }


def test_variations_need_no_prompt(connect: Clients) -> None:
    recorder = Recorder()
    connect(recorder).images.variations(image=answers.png(), seed=3)
    assert recorder.requests[0].url.path == "/v1/images/variations"
    assert recorder.body == {"image": answers.b64_png(), "seed": 3, "response_format": "b64_json"}


def test_a_stream_that_starts_from_an_image_is_one_of_edits(connect: Clients) -> None:
    paths: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        return answers.stream(answers.event("image_edit.completed", seed=7))

    (event,) = connect(handler).images.stream(prompt="a star", image=answers.png())
    assert (paths, event.seed) == (["/v1/images/edits"], 7)


def test_the_raw_response_has_the_headers_beside_the_result(connect: Clients) -> None:
    client = connect(lambda _: answers.images(3, x_adjusted_params="size=96x160", x_request_id="req_1"))
    for methods in (client.images.with_raw_response, client.with_raw_response.images):
        raw = methods.generate(prompt="a red circle", size="97x161")
        assert raw.headers["x-adjusted-params"] == "size=96x160"
        assert (raw.status_code, raw.request_id, raw.parse()[0].seed) == (200, "req_1", 3)
