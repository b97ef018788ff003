"""SillyTavern makes images of the bundled model, by its own server's code."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from pipelines.fake import INFO
from tests.clients.running import parameters
from tests.clients.sillytavern import SillyTavern, sillytavern
from tests.harness.bundled_server import BundledServer
from tests.harness.keys import secret_of
from tests.harness.wire.http_server import Harness, wait_until
from tests.service.serving import serve

_PROMPT = "a red circle on a white background"


@pytest.fixture(scope="module")
def tavern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sillytavern(tmp_path_factory.mktemp("sillytavern")) as url:
        yield url


@pytest.fixture
def automatic1111(tavern: str, bundled: BundledServer) -> Iterator[SillyTavern]:
    """With the source "Stable Diffusion Web UI (AUTOMATIC1111)"."""
    session = SillyTavern(tavern, {"url": bundled.url, "auth": f"alice:{secret_of('alice')}"})
    yield session
    session.close()


def test_sillytavern_connects_and_fills_its_lists(automatic1111: SillyTavern) -> None:
    automatic1111.ask("ping")
    assert [model["text"] for model in automatic1111.ask("models").json()] == [automatic1111.ask("get-model").text]
    assert "Euler a" in automatic1111.ask("samplers").json()
    for route in ("schedulers", "upscalers"):
        assert automatic1111.ask(route).json()
    automatic1111.ask("vaes")


def test_sillytavern_sets_a_model_and_makes_an_image(automatic1111: SillyTavern) -> None:
    automatic1111.ask("set-model", model=automatic1111.ask("get-model").text)
    made = automatic1111.ask(
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


def test_an_image_ends_when_its_reader_stops_waiting(tavern: str, server: Harness) -> None:
    server.engine.held_before = (0, 1)
    session = SillyTavern(tavern, {"url": server.url, "auth": f"alice:{secret_of('alice')}"}, limit_s=2)
    with pytest.raises(httpx2.ReadTimeout):
        session.ask("generate", prompt=_PROMPT, steps=4)
    session.close()
    wait_until(lambda: bool(server.engine.jobs) and server.engine.idle)


def test_the_source_for_stable_diffusion_cpp_works_without_keys(tavern: str) -> None:
    with serve() as server:
        session = SillyTavern(tavern, {"url": server.url})
        session.ask("sdcpp/ping")
        assert session.ask("sdcpp/models").json()["data"][0]["id"] == INFO.name
        made = session.ask("sdcpp/generate", prompt=_PROMPT, width=512, height=512, steps=4, sampler_name="euler_a")
        session.close()
    (image,) = made.json()["images"]
    assert parameters(image).startswith(f"{_PROMPT}\nSteps: 4,")
