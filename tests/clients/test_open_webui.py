"""Open WebUI makes images of the bundled model, by its own server's code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.open_webui import OpenWebUi, open_webui
from tests.clients.running import parameters
from tests.harness.bundled_server import BundledServer
from tests.harness.keys import secret_of

_PROMPT = "a red circle on a white background"


@pytest.fixture(scope="module")
def webui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenWebUi]:
    with open_webui(tmp_path_factory.mktemp("open_webui")) as session:
        yield session


def openai_settings(bundled: BundledServer) -> dict[str, Any]:
    server = {"API_BASE_URL": f"{bundled.url}/v1", "API_KEY": secret_of("alice")}
    return {
        "ENABLE_IMAGE_GENERATION": True,
        "IMAGE_GENERATION_ENGINE": "openai",
        "ENABLE_IMAGE_EDIT": True,
        "IMAGE_EDIT_ENGINE": "openai",
        **{f"IMAGES_{kind}{name}": value for kind in ("OPENAI_", "EDIT_OPENAI_") for name, value in server.items()},
    }


@pytest.mark.parametrize("model", ["", "dall-e-3", "gpt-image-1", "bundled"])
def test_open_webui_makes_images_over_the_openai_engine(webui: OpenWebUi, bundled: BundledServer, model: str) -> None:
    webui.configure(**openai_settings(bundled), IMAGE_GENERATION_MODEL=model)
    images = webui.generate(_PROMPT, n=2)
    assert [parameters(image).partition("\n")[0] for image in images] == [_PROMPT] * 2


def test_open_webui_edits_an_image_over_the_openai_engine(webui: OpenWebUi, bundled: BundledServer) -> None:
    webui.configure(**openai_settings(bundled))
    (image,) = webui.generate(_PROMPT)
    (edited,) = webui.edit("a blue circle", image)
    assert parameters(edited).startswith("a blue circle\n")


def test_open_webui_makes_images_over_the_automatic1111_engine(webui: OpenWebUi, bundled: BundledServer) -> None:
    webui.configure(
        ENABLE_IMAGE_GENERATION=True,
        IMAGE_GENERATION_ENGINE="automatic1111",
        AUTOMATIC1111_BASE_URL=bundled.url,
        AUTOMATIC1111_API_AUTH=f"alice:{secret_of('alice')}",
        IMAGE_STEPS=4,
    )
    (title,) = webui.models()
    images = webui.generate(_PROMPT, n=2, model=title)
    assert [parameters(image).partition("\n")[0] for image in images] == [_PROMPT] * 2
    assert all("Steps: 4," in parameters(image) for image in images)
