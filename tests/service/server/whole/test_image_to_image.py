"""The bundled model makes images from images, over the wire and through OpenAI's own client, and a tiny one edits."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from PIL import Image

from tests.harness.bundled_server import START_S, BundledServer
from tests.harness.models.zoo import writer
from tests.service.images.inputs.samples import saved

SIDE = 128
pytestmark = pytest.mark.timeout(900)


def circle(color: tuple[int, int, int]) -> Image.Image:
    """Returns a disc on white, as in the model's scenes."""
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = (x - SIDE / 2) ** 2 + (y - SIDE / 2) ** 2 < (SIDE / 4) ** 2
    return Image.fromarray(np.where(inside[..., None], np.array(color), 255).astype(np.uint8))


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[BundledServer]:
    server = BundledServer(data_dir)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def sdk(server: BundledServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=START_S) as client:
        yield client


def opened(b64_json: str | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    assert b64_json is not None
    with Image.open(io.BytesIO(base64.b64decode(b64_json))) as image:
        return np.asarray(image.convert("RGB"), np.float64)


def distance(one: Any, other: Any) -> float:
    return float(np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).mean())


def edited(sdk: openai.OpenAI, image: Image.Image, prompt: str, **extra: Any) -> Any:
    mask = extra.pop("mask", None)
    masked: dict[str, Any] = {} if mask is None else {"mask": saved(mask)}
    return sdk.images.edit(
        image=saved(image),
        prompt=prompt,
        extra_body={"num_inference_steps": 8, "seed": 5, **extra},
        **masked,
    )


def test_a_low_strength_stays_near_the_image_and_a_high_one_does_not(sdk: openai.OpenAI) -> None:
    red = circle((220, 30, 30))
    near, far = [
        opened(edited(sdk, red, "a red circle on a white background", strength=strength).data[0].b64_json)
        for strength in (0.3, 1.0)
    ]
    assert near.shape == (SIDE, SIDE, 3)
    assert distance(near, red) < distance(far, red) / 2


def test_what_a_mask_leaves_is_kept(sdk: openai.OpenAI) -> None:
    red = circle((220, 30, 30))
    mask = Image.new("L", red.size)
    mask.paste(255, (0, 0, SIDE // 2, SIDE))
    made = opened(edited(sdk, red, "a blue circle on a white background", mask=mask).data[0].b64_json)

    right, left = np.s_[:, SIDE // 2 + 8 :], np.s_[:, : SIDE // 2 - 8]
    assert distance(made[right], np.asarray(red)[right]) < distance(made[left], np.asarray(red)[left])


def test_a_variation_and_nested_fields_of_the_client_are_understood(sdk: openai.OpenAI, server: BundledServer) -> None:
    answer = sdk.images.edit(
        image=[saved(circle((220, 30, 30)))],
        prompt="a red circle",
        extra_body={"num_inference_steps": 2, "extend": {"left": 64}},
    )
    assert answer.data
    assert opened(answer.data[0].b64_json).shape == (SIDE, SIDE + 64, 3)
    varied = server.client.post(
        "/v1/images/variations",
        data={"num_inference_steps": "2"},
        files={"image": saved(circle((220, 30, 30)))},
    )
    assert varied.is_success, varied.text


def test_the_hires_fix_makes_an_image_of_twice_the_side(server: BundledServer) -> None:
    body = {"prompt": "a red circle on a white background", "num_inference_steps": 4, "hires": {"scale": 2, "steps": 4}}
    answer = server.client.post("/v1/images/generations", json=body)
    assert answer.is_success, answer.text
    assert opened(answer.json()["data"][0]["b64_json"]).shape == (2 * SIDE, 2 * SIDE, 3)


def test_a_tiny_model_edits_images_by_instructions(tmp_path: Path) -> None:
    server = BundledServer(tmp_path / "data", "--model", str(writer.write("instruct_pix2pix", tmp_path / "editor")))
    fields = {"prompt": "make it blue", "num_inference_steps": "3", "seed": "5"}
    red = {"image": saved(circle((220, 30, 30)))}
    try:
        without = server.client.post("/v1/images/generations", json={"prompt": "a red circle"})
        assert (without.status_code, without.json()["error"]["param"]) == (400, "image")

        near, far = [
            server.client.post("/v1/images/edits", data={**fields, "image_guidance_scale": scale}, files=red)
            for scale in ("4", "1")
        ]
        assert (near.status_code, far.status_code) == (200, 200), near.text + far.text
        images = [opened(each.json()["data"][0]["b64_json"]) for each in (near, far)]
        assert images[0].shape == (SIDE, SIDE, 3)
        assert distance(*images) > 1

        body = {**fields, "num_inference_steps": 2, "seed": 5, "previews": 1}
        body["image"] = base64.b64encode(red["image"]).decode()
        job = server.client.post("/api/v1/jobs", json=body, headers={"Prefer": "wait=60"}).json()
        assert (job["status"], job["request"]["image_guidance_scale"]) == ("succeeded", 1.5), job
    finally:
        server.stop()


def test_a_job_survives_a_kill_with_what_it_starts_from(tmp_path: Path) -> None:
    first = BundledServer(tmp_path)
    body = {"prompt": "a blue circle", "num_inference_steps": 12, "strength": 0.9, "seed": 1, "n": 2, "previews": 1}
    body["image"] = base64.b64encode(saved(circle((220, 30, 30)))).decode()
    accepted = first.client.post("/api/v1/jobs", json=body)
    assert accepted.status_code == 202, accepted.text
    first.stop()

    second = BundledServer(tmp_path)
    try:
        job = second.client.get(accepted.json()["urls"]["self"]).json()
        while job["status"] in ("queued", "running"):
            time.sleep(0.5)
            job = second.client.get(accepted.json()["urls"]["self"]).json()
        assert (job["status"], len(job["images"])) == ("succeeded", 2), job
    finally:
        second.stop()
