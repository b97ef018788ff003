"""txt2img, img2img and png-info, as AUTOMATIC1111's clients ask for them."""

from __future__ import annotations

import base64
import io
import json
from typing import Any, Final

import httpx2
import pytest
from PIL import Image

from pipelines.fake import INFO
from service.images.metadata import VERSION
from tests.harness.keys import secret_of
from tests.service.api.in_process import HOST, Api
from tests.service.images.inputs.samples import picture, saved

TXT2IMG: Final = "/sdapi/v1/txt2img"
IMG2IMG: Final = "/sdapi/v1/img2img"
PNG_INFO: Final = "/sdapi/v1/png-info"
FILE: Final = base64.b64encode(saved(picture((160, 96)))).decode()


def opened(image: str) -> Image.Image:
    found = Image.open(io.BytesIO(base64.b64decode(image, validate=True)))
    found.load()
    return found


async def made(api: Api, path: str = TXT2IMG, **fields: Any) -> dict[str, Any]:
    answer = await api.client.post(path, json={"steps": 2, **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return {**body, "info": json.loads(body["info"])}


async def test_images_are_plain_base64_with_seeds_counted_up_and_their_parameters_in_them(api: Api) -> None:
    body = await made(api, prompt="a (cat:1.2)", seed=7, batch_size=2, n_iter=2, width=150, height=100)

    images = [opened(image) for image in body["images"]]
    assert [(image.format, image.size) for image in images] == [("PNG", (160, 96))] * 4
    assert body["info"]["all_seeds"] == [7, 8, 9, 10]
    assert (body["info"]["width"], body["info"]["height"]) == (160, 96)
    assert [image.text["parameters"] for image in images] == body["info"]["infotexts"]  # type: ignore[attr-defined] # Pillow's PNG class
    assert "Seed: 8, Size: 160x96" in body["info"]["infotexts"][1]
    assert 'Ignored weights: "cat:1.2"' in body["info"]["infotexts"][0]
    assert (body["parameters"]["prompt"], body["parameters"]["restore_faces"]) == ("a (cat:1.2)", None)


async def test_clients_send_fields_that_have_no_effect_and_null_for_those_without_a_value(api: Api) -> None:
    body = {
        "prompt": "x", "steps": "2", "styles": [], "subseed": -1, "sampler_name": None, "scheduler": None, "eta": None,
        "script_args": [], "alwayson_scripts": {"no such script": {"args": [{"image": FILE}]}}, "tiling": False,
        "denoising_strength": None, "enable_hr": False, "override_settings": {"CLIP_stop_at_last_layers": 2},
    }  # fmt: skip
    answer = await api.client.post(TXT2IMG, json=body)

    assert answer.status_code == 200, answer.text
    assert "alwayson_scripts" in answer.headers["x-ignored-params"]
    assert (await made(api, send_images=False))["images"] == []


@pytest.mark.parametrize(("media_type", "status"), [(None, 200), ("application/json", 200), ("text/plain", 415)])
async def test_a_body_needs_no_content_type_but_must_not_have_a_forms(
    api: Api, media_type: str | None, status: int
) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}
    answer = await api.client.post(TXT2IMG, content=b'{"steps": 1}', headers=headers)

    assert answer.status_code == status
    assert status == 200 or set(answer.json()) == {"error", "detail", "body", "errors"}


@pytest.mark.parametrize("origin", [{"Origin": "https://elsewhere.test"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_sites_page_makes_no_image_whatever_its_body_is_said_to_be(
    api: Api, origin: dict[str, str]
) -> None:
    for path in (TXT2IMG, "/sdapi/v1/interrupt", "/sdapi/v1/options"):
        for media_type in ({}, {"Content-Type": "text/plain"}):
            answer = await api.client.post(path, content=b"{}", headers={**origin, **media_type})
            assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert api.engine.jobs == []


@pytest.mark.parametrize(
    ("fields", "status", "detail"),
    [
        ({"sampler_name": "no such"}, 400, "Sampler not found. There are: "),
        ({"steps": 0}, 400, "steps: Input should be greater than or equal to 1."),
        ({"model": "no such"}, 404, None),
    ],
)
async def test_errors_have_the_web_uis_fields_and_their_real_status(
    api: Api, fields: dict[str, Any], status: int, detail: str | None
) -> None:
    answer = await api.client.post(TXT2IMG, json=fields)

    assert answer.status_code == status
    assert set(answer.json()) == {"error", "detail", "body", "errors"}
    assert detail is None or answer.json()["detail"].startswith(detail)
    assert (await api.client.get("/sdapi/v1/nothing")).json()["error"] == "not_found"
    assert (await api.client.put("/internal/progress")).json()["error"] == "method_not_allowed"


async def test_the_text_of_an_image_names_the_fields_that_had_no_effect(api: Api) -> None:
    body = await made(api, tiling=True, alwayson_scripts={"controlnet": {"args": [{"image": FILE}]}}, save_images=True)

    assert 'Ignored fields: "alwayson_scripts, tiling"' in body["info"]["infotexts"][0]
    assert body["info"]["extra_generation_params"]["Ignored fields"] == "alwayson_scripts, tiling"


async def test_an_image_is_changed_at_its_own_size_and_under_its_mask(api: Api) -> None:
    body = await made(api, IMG2IMG, init_images=[f"data:image/png;base64,{FILE}"], denoising_strength=0.5, seed=1)

    assert (body["info"]["width"], body["info"]["denoising_strength"]) == (160, 0.5)
    assert "Denoising strength: 0.5" in body["info"]["infotexts"][0]
    assert (body["parameters"]["init_images"], body["parameters"]["mask"]) == (None, None)
    white = base64.b64encode(saved(Image.new("L", (160, 96), 255))).decode()
    masked = await made(api, IMG2IMG, init_images=[FILE], mask=white, width=128, height=128, resize_mode=1)
    assert opened(masked["images"][0]).size == (128, 128)
    assert [job.images[0].mask is None for job in api.engine.jobs] == [True, False]
    large = base64.b64encode(saved(Image.effect_noise((900, 900), 100))).decode()
    assert len(large) > 1 << 19
    assert opened((await made(api, IMG2IMG, init_images=[large], width=64, height=64))["images"][0]).size == (64, 64)


@pytest.mark.parametrize("image_format", ["png", "webp", "jpeg"])
async def test_the_parameters_in_a_file_are_read_back(api: Api, image_format: str) -> None:
    body = await made(api, prompt="größer, 赤い円", seed=3, output_format=image_format)

    for image in (body["images"][0], f"data:image/png;base64,{body['images'][0]}"):
        read = (await api.client.post(PNG_INFO, json={"image": image})).json()
        assert read["info"] == body["info"]["infotexts"][0]
        assert (read["parameters"]["Prompt"], read["parameters"]["Seed"]) == ("größer, 赤い円", "3")
        assert (read["parameters"]["Model"], read["parameters"]["Version"]) == (INFO.name, VERSION)
        assert read["items"] == {}


@pytest.mark.parametrize("image", ["", "~~~", "QUJD", "http://localhost/x.png", 3])
async def test_what_is_no_image_has_no_parameters(api: Api, image: object) -> None:
    answer = await api.client.post(PNG_INFO, json={"image": image})

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("image: ")
    assert (await api.client.post(PNG_INFO, json={"image": FILE})).json()["info"] == ""


async def test_a_key_is_the_password_of_basic_authentication(api_with_keys: Api) -> None:
    client = api_with_keys.client
    given = httpx2.BasicAuth("anybody", secret_of("alice"))

    assert (await client.post(TXT2IMG, json={"steps": 1}, auth=given)).status_code == 200
    for headers in ({}, {"Authorization": "Basic "}, {"Authorization": "Basic Og=="}):
        refused = await client.post(TXT2IMG, json={"steps": 1}, headers=headers)
        assert (refused.status_code, refused.json()["error"]) == (401, "unauthenticated")
    assert (await client.get("/sdapi/v1/options", auth=httpx2.BasicAuth("alice", "wrong"))).status_code == 401


async def test_a_server_without_keys_takes_any_credentials_and_shows_its_page(api: Api) -> None:
    for text in ("Basic ", "Basic Og==", "Basic dXNlcjprZXk="):
        assert (await api.client.get("/sdapi/v1/options", headers={"Authorization": text})).status_code == 200
    assert (await api.client.get("/")).status_code == 200
    assert (await api.client.head("/")).status_code == 200
    assert (await api.client.get("/", headers={"Host": HOST})).status_code == 200
