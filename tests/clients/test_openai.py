"""OpenAI's own packages, for Python in two major versions and for node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from pipelines.fake import INFO
from tests.clients.running import Programs, decoded, parameters

Act: TypeAlias = Callable[[str], Any]
"""Lets a client do what it is named, and returns what its program printed."""


@pytest.fixture(
    params=[
        ("v1/openai_images.py", "openai2"),
        ("v1/openai_images.py", "openai3"),
        ("v1/openai_images.mjs", "openai_node"),
    ],
    ids=lambda client: client[1],
)
def act(run: Programs, request: pytest.FixtureRequest) -> Act:
    program, environment = request.param
    return lambda action: run(program, environment, action)


def test_models_are_listed(act: Act) -> None:
    assert act("models")[0] == INFO.name


def test_images_come_in_the_body_with_a_seed_of_ours(act: Act) -> None:
    answer = act("generate")
    assert answer["size"] == "1024x1024"
    assert [decoded(image).size for image in answer["images"]] == [(1024, 1024)] * 2
    for number, image in enumerate(answer["images"]):
        assert parameters(image).startswith("a red circle\nSteps: 2,")
        assert f"Seed: {7 + number}," in parameters(image)


def test_an_older_model_answers_with_an_address_that_needs_no_key(act: Act, run: Programs) -> None:
    answer = act("address")
    assert answer["url"].startswith(run.url)
    assert answer["url"].partition("?")[0].endswith(".png")
    assert answer["b64_json"] is None
    assert decoded(answer["image"]).format == "PNG"


def test_images_are_edited_from_one_file_and_from_a_list(act: Act) -> None:
    images = act("edit")["images"]
    assert len(images) == 3
    assert all(parameters(image).startswith("a blue circle\n") for image in images)


def test_a_stream_has_previews_and_ends_with_the_image(act: Act) -> None:
    events = act("stream")
    assert [event["type"] for event in events] == [
        *["image_generation.partial_image"] * 2,
        "image_generation.completed",
    ]
    assert parameters(events[-1]["image"]).startswith("a red circle\n")


def test_the_client_for_azure_makes_an_image(act: Act) -> None:
    (image,) = act("azure")["images"]
    assert parameters(image).startswith("a red circle\n")


def test_what_is_wrong_with_a_request_reaches_its_sender(act: Act) -> None:
    answer = act("refuse")
    assert (answer["param"], answer["code"]) == ("steps", "invalid_value")
    assert "steps" in answer["message"]
    assert answer["id"]


def test_an_unknown_key_is_refused(act: Act) -> None:
    assert act("refuse_key") == {"status": 401, "code": "unauthenticated"}
