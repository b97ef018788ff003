"""Hugging Face's own clients, for Python in two major versions and for node."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import pytest

from service.errors import QueueFullError
from tests.clients.running import Programs, decoded
from tests.harness.wire.http_server import Harness
from tests.service.images.inputs.samples import picture, saved

Act: TypeAlias = Callable[..., Any]
"""Lets a client do what it is named, and returns what its program printed."""

IMAGE: Final = base64.b64encode(saved(picture((96, 64)))).decode()


@pytest.fixture(
    params=[
        ("hugging_face/inference.py", "hugging_face1"),
        ("hugging_face/inference.py", "hugging_face2"),
        ("hugging_face/inference.mjs", "hugging_face_node"),
    ],
    ids=lambda client: client[1],
)
def act(run: Programs, request: pytest.FixtureRequest) -> Act:
    program, environment = request.param
    return lambda action, **variables: run(program, environment, action, **variables)


@pytest.mark.parametrize("path", ["/hf", "", "/hf/models/darkroom-fake"])
def test_a_text_becomes_an_image(act: Act, server: Harness, path: str) -> None:
    made = act("text", DARKROOM_PATH=path)
    assert (made["format"], decoded(made["image"]).size) == ("PNG", (160, 96))
    (params,) = server.engine.jobs[0].images
    assert (params.prompt, params.negative_prompt, params.steps) == ("a red circle", "blurry", 2)
    assert (params.guidance_scale, params.sampler, params.seed) == (3.0, "euler", 7)


def test_an_image_starts_from_an_image(act: Act, server: Harness) -> None:
    assert decoded(act("image", DARKROOM_IMAGE=IMAGE)["image"]).size == (96, 64)
    assert server.engine.jobs[0].images[0].image is not None


def test_an_error_is_the_clients_own_with_our_sentence(act: Act) -> None:
    refused = act("refused", DARKROOM_STEPS="100000")
    assert refused["status"] == 400
    assert "num_inference_steps: " in refused["message"]


def test_a_server_without_room_ends_the_request_and_is_not_asked_again_without_end(act: Act, server: Harness) -> None:
    server.engine.refusals = [QueueFullError("Too many images wait already.", retry_after_s=1.0)] * 3
    refused = act("refused", DARKROOM_STEPS="2")
    assert (refused["status"], len(server.engine.refusals)) == (429, 2)
    assert "Too many images wait already." in refused["message"]
