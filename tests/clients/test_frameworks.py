"""Frameworks, gateways and other vendors' packages that speak OpenAI's image API."""

from __future__ import annotations

import base64

import pytest

from pipelines.fake import INFO
from tests.clients.running import Programs, decoded, parameters
from tests.harness.wire.http_server import Harness
from tests.service.images.inputs.samples import picture, saved


def is_of(prompt: str, image: str) -> bool:
    """Returns whether a PNG was made from that prompt."""
    return parameters(image).startswith(f"{prompt}\n")


@pytest.mark.parametrize(
    ("program", "environment"),
    [
        ("v1/langchain_images.py", "langchain"),
        ("v1/agno_images.py", "agno"),
        ("v1/langchain_images.mjs", "langchain_node"),
    ],
)
def test_what_reads_addresses_alone_gets_one(run: Programs, program: str, environment: str) -> None:
    answer = run(program, environment)
    assert answer["url"].startswith(run.url)
    assert decoded(answer["image"]).size == (1024, 1024)


def test_litellm_makes_and_edits_an_image(run: Programs) -> None:
    answer = run("v1/litellm_images.py", "litellm")
    assert is_of("a red circle", answer["image"])
    assert "Seed: 7," in parameters(answer["image"])
    assert is_of("a blue circle", answer["edited"])


def test_haystack_makes_an_image(run: Programs) -> None:
    assert is_of("a red circle", run("v1/haystack_images.py", "haystack")["image"])


@pytest.mark.parametrize(
    ("program", "environment"), [("v1/together_images.py", "together"), ("v1/together_images.mjs", "together_node")]
)
def test_together_chooses_sides_and_steps(run: Programs, program: str, environment: str) -> None:
    answer = run(program, environment)
    assert decoded(answer["image"]).size == (160, 96)
    assert parameters(answer["image"]).startswith("a red circle\nSteps: 2,")


def test_together_gets_an_image_by_its_address(run: Programs) -> None:
    assert decoded(run("v1/together_images.py", "together")["linked"]).size == (160, 96)


def test_the_ai_sdk_makes_several_images_and_edits_one(run: Programs) -> None:
    answer = run("v1/ai_sdk_images.mjs", "ai_sdk")
    assert [decoded(image).size for image in answer["images"]] == [(160, 96)] * 2
    assert all(parameters(image).startswith("a red circle\nSteps: 2,") for image in answer["images"])
    assert is_of("a blue circle", answer["edited"])
    assert decoded(answer["linked"]).format == "PNG"
    assert is_of("a red circle", answer["official"])


def test_langchain_for_node_gets_an_image_in_the_body_where_it_asks_for_it(run: Programs) -> None:
    assert is_of("a red circle", run("v1/langchain_images.mjs", "langchain_node")["inside"])


@pytest.mark.parametrize("way", ["azure", "deployed"])
def test_the_ai_sdk_speaks_azures_api(run: Programs, way: str) -> None:
    assert is_of("a red circle", run("v1/ai_sdk_vendors_images.mjs", "ai_sdk_vendors", way)["image"])


@pytest.mark.parametrize("vendor", ["together", "replicate"])
def test_the_ai_sdk_speaks_other_vendors_apis(run: Programs, vendor: str) -> None:
    image = run("v1/ai_sdk_vendors_images.mjs", "ai_sdk_vendors", vendor, DARKROOM_MODEL=INFO.name)["image"]
    assert decoded(image).size == (160, 96)
    assert parameters(image).startswith("a red circle\nSteps: 2,")
    assert "Seed: 7," in parameters(image)


def test_the_ai_sdk_changes_an_image_over_replicates_api(run: Programs, server: Harness) -> None:
    changed = run("v1/ai_sdk_vendors_images.mjs", "ai_sdk_vendors", "changed", DARKROOM_MODEL=INFO.name)["image"]
    assert is_of("a blue circle", changed)
    assert server.engine.jobs[-1].images[0].strength == 0.5


def test_tanstack_ai_makes_several_images_and_edits_one(run: Programs) -> None:
    answer = run("v1/tanstack_images.mjs", "tanstack_ai")
    assert [parameters(image).partition("\n")[0] for image in answer["images"]] == ["a red circle"] * 2
    assert answer["usage"]["totalTokens"] == 0
    assert is_of("a blue circle", answer["edited"])


def test_griptape_makes_an_image_and_repaints_a_part(run: Programs, server: Harness) -> None:
    mask = base64.b64encode(saved(picture((512, 512)))).decode()
    answer = run("v1/griptape_images.py", "griptape", DARKROOM_MASK=mask)
    assert is_of("a red circle, on white", answer["image"])
    assert is_of("a blue circle", answer["changed"])
    assert server.engine.jobs[-1].images[0].mask is not None


def test_llm_writes_images_to_files(run: Programs) -> None:
    answer = run("v1/llm_images.py", "llm")
    assert is_of("a red circle", answer["image"])
    width, height = decoded(answer["image"]).size
    assert width > height
    assert is_of("a blue circle", answer["edited"])
