"""What the clients send, and where."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from darkroom import Darkroom, __version__
from tests.client import answers
from tests.client.conftest import Drive


class Server:
    """Answers every request with an image, and remembers them."""

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


def test_generate_sends_what_was_given_under_the_names_of_the_wire(drive: Drive) -> None:
    server = Server()
    drive(server).generate(
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
    assert (server.requests[0].method, server.requests[0].url.path) == ("POST", "/v1/images/generations")
    assert server.body == {
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


def test_what_is_none_is_left_to_the_server(drive: Drive) -> None:
    server = Server()
    drive(server).generate(prompt="a red circle", seed=None, size=None)
    assert server.body == {"prompt": "a red circle"}


def test_an_unknown_keyword_is_refused_before_anything_is_sent(drive: Drive) -> None:
    server = Server()
    with pytest.raises(TypeError, match=r"generate.*'setps'"):
        drive(server).generate(prompt="a red circle", setps=3)
    assert not server.requests


def test_a_prompt_cannot_be_given_by_position() -> None:
    with Darkroom() as client, pytest.raises(TypeError):
        client.images.generate("a red circle")  # type: ignore[call-arg]


def test_models_are_listed_with_what_the_server_says_of_them(drive: Drive) -> None:
    (model,) = drive(Server()).models()
    assert model.id == "bundled"
    assert model.model_extra == {"sizes": ["128x128"]}


def test_the_key_goes_along_as_a_bearer_token(drive: Drive) -> None:
    server = Server()
    drive(server, api_key="secret").generate(prompt="a red circle")
    assert server.requests[0].headers["authorization"] == "Bearer secret"


def test_without_a_key_nothing_is_said_of_one(drive: Drive) -> None:
    server = Server()
    drive(server).generate(prompt="a red circle")
    assert "authorization" not in server.requests[0].headers
    assert server.requests[0].headers["user-agent"] == f"darkroom-client/{__version__}"


@pytest.mark.parametrize("base_url", ["https://host:9/prefix", "https://host:9/prefix/"])
def test_the_address_may_hold_a_path(drive: Drive, base_url: str) -> None:
    server = Server()
    drive(server, base_url=base_url).models()
    assert str(server.requests[0].url) == "https://host:9/prefix/v1/models"


def test_address_and_key_may_come_from_the_environment(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BASE_URL", "http://elsewhere:1")
    monkeypatch.setenv("DARKROOM_API_KEY", "secret")
    server = Server()
    drive(server).models()
    assert server.requests[0].url.host == "elsewhere"
    assert server.requests[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"connect": 5.0, "read": 600.0}),
        ({"timeout": 30}, {"connect": 5.0, "read": 30}),
        ({"timeout": 2}, {"connect": 2, "read": 2}),
        ({"timeout": httpx2.Timeout(None)}, {"connect": None, "read": None}),
    ],
)
def test_a_timeout_is_the_silence_that_is_borne(
    drive: Drive, options: dict[str, Any], expected: dict[str, float | None]
) -> None:
    server = Server()
    drive(server, **options).models()
    given = server.requests[0].extensions["timeout"]
    assert {name: given[name] for name in expected} == expected
