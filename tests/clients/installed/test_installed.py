"""Clients that are among our own packages, so that every run of the tests tries them."""

from __future__ import annotations

import pytest

from tests.clients.running import Programs, decoded


@pytest.mark.parametrize("action", ["generate", "edit"])
def test_openai_makes_images(run: Programs, action: str) -> None:
    images = run("v1/openai_images.py", None, action)["images"]
    assert {decoded(image).format for image in images} == {"PNG"}


def test_huggingface_hub_makes_an_image(run: Programs) -> None:
    made = run("hugging_face/inference.py", None, "text")
    assert decoded(made["image"]).size == (160, 96)
