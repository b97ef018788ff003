"""Open WebUI and SillyTavern make images of the bundled model, each by its own server's code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.open_webui import OpenWebUi, open_webui
from tests.clients.running import parameters
from tests.clients.sillytavern import SillyTavern, sillytavern
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


@pytest.fixture(scope="module")
def tavern(tmp_path_factory: pytest.TempPathFactory, bundled: BundledServer) -> Iterator[SillyTavern]:
    """With the source "Stable Diffusion Web UI (AUTOMATIC1111)"."""
    with sillytavern(tmp_path_factory.mktemp("sillytavern")) as url:
        session = SillyTavern(url, {"url": bundled.url, "auth": f"alice:{secret_of('alice')}"})
        yield session
        session.close()


def test_sillytavern_connects_and_fills_its_lists(tavern: SillyTavern) -> None:
    tavern.ask("ping")
    assert [model["text"] for model in tavern.ask("models").json()] == [tavern.ask("get-model").text]
    assert "Euler a" in tavern.ask("samplers").json()
    for route in ("schedulers", "upscalers"):
        assert tavern.ask(route).json()
    tavern.ask("vaes")


def test_sillytavern_sets_a_model_and_makes_an_image(tavern: SillyTavern) -> None:
    tavern.ask("set-model", model=tavern.ask("get-model").text)
    made = tavern.ask(
        "generate",
        prompt=_PROMPT,
        negative_prompt="blurry",
        sampler_name="DPM++ 2M",
        scheduler="Karras",
        steps=4,
        cfg_scale=3,
        width=512,
        height=512,
        seed=7,
        restore_faces=False,
        enable_hr=False,
        hr_upscaler="Latent",
        hr_scale=1,
        hr_additional_modules=[],
        denoising_strength=0.7,
        hr_second_pass_steps=0,
        override_settings={"CLIP_stop_at_last_layers": 1, "sd_vae": "", "forge_additional_modules": []},
        override_settings_restore_afterwards=True,
        clip_skip=1,
        save_images=True,
        send_images=True,
        do_not_save_grid=False,
        do_not_save_samples=False,
    ).json()
    (image,) = made["images"]
    assert parameters(image).startswith(f"{_PROMPT}\nNegative prompt: blurry\nSteps: 4, Sampler: DPM++ 2M,")
