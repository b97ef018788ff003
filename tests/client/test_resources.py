"""The requests that `client.images` and `client.models` send, and how their answers are returned."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from darkroom import Darkroom
from tests.client import answers
from tests.client.conftest import Drive


class Recorder:
    """A handler that answers every request and keeps it."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.url.path.endswith("/models"):
            return httpx2.Response(200, json={"object": "list", "data": [{"id": "bundled", "sizes": ["128x128"]}]})
        return answers.images()

    @property
    def body(self) -> dict[str, Any]:
        (request,) = self.requests
        body: dict[str, Any] = json.loads(request.content)
        return body


def test_generate_sends_its_arguments_under_their_wire_names(drive: Drive) -> None:
    recorder = Recorder()
    drive(recorder).generate(
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
    }


def test_arguments_that_are_none_are_not_sent(drive: Drive) -> None:
    recorder = Recorder()
    drive(recorder).generate(prompt="a red circle", seed=None, size=None)
    assert recorder.body == {"prompt": "a red circle"}


def test_an_unknown_keyword_is_refused_before_anything_is_sent(drive: Drive) -> None:
    recorder = Recorder()
    with pytest.raises(TypeError, match=r"generate.*'setps'"):
        drive(recorder).generate(prompt="a red circle", setps=3)
    assert not recorder.requests


def test_a_stream_is_requested_with_its_number_of_previews(drive: Drive) -> None:
    bodies: list[bytes] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        bodies.append(request.content)
        return answers.stream(answers.completed())

    drive(handler).stream(prompt="a red circle", partial_images=3)
    assert bodies == [b'{"prompt":"a red circle","stream":true,"partial_images":3}']


def test_the_prompt_is_a_keyword_argument() -> None:
    with Darkroom() as client, pytest.raises(TypeError):
        client.images.generate("a red circle")  # type: ignore[call-arg]  # the wrong call is what is tested


def test_models_are_listed_with_their_extra_fields(drive: Drive) -> None:
    (model,) = drive(Recorder()).models()
    assert model.id == "bundled"
    assert model.model_extra == {"sizes": ["128x128"]}
