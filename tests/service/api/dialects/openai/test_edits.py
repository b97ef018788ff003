"""Images that start from images, on /v1: forms and JSON, masks, streams, and refusals in OpenAI's shape."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from typing import Any, Final

import httpx2
import numpy as np
import pytest
from PIL import Image

from pipelines.fake import INFO
from service.images.inputs.raster import decode_raster
from tests.service.api.in_process import Api
from tests.service.images.inputs.samples import picture, png_header, saved

EDITS: Final = "/v1/images/edits"
VARIATIONS: Final = "/v1/images/variations"
SIZE: Final = (96, 64)
FILE: Final = saved(picture(SIZE))


async def edit(
    api: Api,
    *,
    path: str = EDITS,
    files: dict[str, bytes] | None = None,
    headers: dict[str, str] | None = None,
    **fields: str,
) -> httpx2.Response:
    """Sends a form whose files have names and media types that are not theirs."""
    given = {"image": FILE} if files is None else files
    return await api.client.post(
        EDITS,
        data={"prompt": "x", "num_inference_steps": "4", **fields},
        files={name: ("image.exe", data, "text/html") for name, data in given.items()},
        headers=headers or {},
    )


def image_of(answer: httpx2.Response) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["data"]
    with Image.open(io.BytesIO(base64.b64decode(item["b64_json"]))) as image:
        return np.asarray(image.convert("RGB"))


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    return answer.status_code, error["param"]


async def test_a_form_makes_an_image_of_the_uploads_size_near_the_upload(api: Api) -> None:
    near, far = [image_of(await edit(api, strength=strength, seed="3")) for strength in ("0.25", "1")]

    assert near.shape == (64, 96, 3)
    original = np.asarray(picture(SIZE), float)
    assert np.abs(near - original).mean() < np.abs(far - original).mean() / 2


@pytest.mark.parametrize("spelled", ["plain", "data URL", "wrapped"])
async def test_json_makes_the_same_image(api: Api, spelled: str) -> None:
    text = base64.b64encode(FILE).decode()
    text = {
        "plain": text,
        "data URL": f"data:image/jpeg;base64,{text}",
        "wrapped": "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76)),
    }[spelled]
    body = {"prompt": "x", "num_inference_steps": 4, "seed": 3, "image": text}
    assert (image_of(await api.client.post(EDITS, json=body)) == image_of(await edit(api, seed="3"))).all()


async def test_the_strength_is_three_quarters_without_a_mask_and_one_with_it(api: Api) -> None:
    await edit(api)
    await edit(api, files={"image": FILE, "mask": saved(Image.new("L", SIZE, 255))})
    await edit(api, strength="0.5")
    await edit(api, num_inference_steps="1")
    assert [job.images[0].strength for job in api.engine.jobs] == [0.75, 1.0, 0.5, 1.0]


async def test_a_mask_repaints_what_is_transparent_or_white_alone(api: Api) -> None:
    white = Image.new("L", SIZE)
    white.paste(255, (0, 0, 48, 64))
    clear = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 48, 64))
    made = [image_of(await edit(api, files={"image": FILE, "mask": saved(mask)}, seed="5")) for mask in (white, clear)]

    assert (made[0] == made[1]).all()
    assert (made[0][:, 48:] == np.asarray(picture(SIZE))[:, 48:]).all()
    assert (made[0][:, :48] != np.asarray(picture(SIZE))[:, :48]).any()


async def test_what_is_transparent_in_an_image_without_a_mask_is_repainted(api: Api) -> None:
    image = picture(SIZE).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 48, 64))
    made = image_of(await edit(api, files={"image": saved(image)}, seed="5"))

    assert (made[:, 48:] == np.asarray(picture(SIZE))[:, 48:]).all()
    assert api.engine.jobs[0].images[0].mask is not None


async def test_the_size_that_is_asked_for_cuts_the_image_or_stretches_it(api: Api) -> None:
    for mode in ("crop", "stretch"):
        await edit(api, size="128x128", resize_mode=mode)
    cut, stretched = [job.inputs[job.images[0].pixels[0]] for job in api.engine.jobs]

    square = picture(SIZE).crop((16, 0, 80, 64)).resize((128, 128), Image.Resampling.LANCZOS)
    assert cut.pixels == square.tobytes()
    assert stretched.pixels == picture(SIZE).resize((128, 128), Image.Resampling.LANCZOS).tobytes()


async def test_several_images_start_from_one_input_with_seeds_of_their_own(api: Api) -> None:
    answer = await edit(api, n="3", seed="7")
    assert [item["seed"] for item in answer.json()["data"]] == [7, 8, 9]
    (job,) = api.engine.jobs
    assert len({params.pixels for params in job.images}) == len(job.inputs) == 1


async def test_a_variation_needs_no_prompt(api: Api) -> None:
    answer = await api.client.post(VARIATIONS, data={"n": "2", "num_inference_steps": "2"}, files={"image": FILE})
    assert len(answer.json()["data"]) == 2
    assert [params.prompt for params in api.engine.jobs[0].images] == ["", ""]


async def test_a_stream_has_the_events_of_edits(api: Api) -> None:
    answer = await edit(api, stream="true", partial_images="2")
    events = [json.loads(line[6:])["type"] for line in answer.text.split("\n") if line.startswith("data: ")]
    assert events == ["image_edit.partial_image", "image_edit.partial_image", "image_edit.completed"]


async def test_accept_asks_for_the_image_alone(api: Api) -> None:
    answer = await edit(api, headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == SIZE
        parameters = image.info["parameters"]
    assert "Denoising strength: 0.75" in parameters
    assert base64.b64encode(FILE[:40]).decode() not in parameters


async def test_extending_an_image_paints_its_margins_and_keeps_the_rest(api: Api) -> None:
    made = image_of(await edit(api, extend=json.dumps({"left": 32, "bottom": 16})))
    assert made.shape == (80, 128, 3)
    assert (made[:64, 32:] == np.asarray(picture(SIZE))).all()


@pytest.mark.parametrize(
    ("files", "fields", "field"),
    [
        ({}, {}, "image"),
        ({"image": b"GIF89a"}, {}, "image"),
        ({"image": b""}, {}, "image"),
        ({"image": FILE[:200]}, {}, "image"),
        ({"image": png_header(13000, 13000)}, {}, "image"),
        ({"image": FILE, "mask": b"<svg/>"}, {}, "mask"),
        ({"image": FILE, "mask": saved(picture((64, 64)))}, {}, "mask"),
        ({"image": FILE}, {"strength": "0"}, "strength"),
        ({"image": FILE}, {"strength": "1.5"}, "strength"),
        ({"image": FILE}, {"strength": "nan"}, "strength"),
        ({"image": FILE}, {"strength": "0.1"}, "strength"),
        ({"image": FILE}, {"n": "eleven"}, "n"),
        ({"image": FILE}, {"n": "9" * 5000}, "n"),
        ({"image": FILE}, {"resize_mode": "cover"}, "resize_mode"),
        ({"image": FILE}, {"extend": "{"}, "extend"),
        ({"image": FILE}, {"extend": '{"left": -1}'}, "extend"),
        ({"image": FILE}, {"hires": '{"scale": 2}'}, "hires"),
        ({"image": FILE}, {"size": "big"}, "size"),
        ({"image": FILE}, {"mask": "https://images.example/mask.png"}, "mask"),
        ({}, {"image": "https://images.example/cat.png"}, "image"),
        ({}, {"image": "0" * 64}, "image"),
        ({}, {"image": "data:image/png;base64,@@@"}, "image"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_the_engine_hears_of_it(
    api: Api, files: dict[str, bytes], fields: dict[str, Any], field: str
) -> None:
    answer = await edit(api, files=files, **fields)
    if not files:  # Without files the client sends no multipart form.
        body: dict[str, Any] = {"prompt": "x", **fields}
        answer = await api.client.post(EDITS, json=body)
    assert error_of(answer) == (400, field), answer.text
    assert api.engine.jobs == []


async def test_a_file_in_a_field_that_nobody_knows_is_ignored(api: Api) -> None:
    headers = {"X-Stainless-Retry-Count": "0", "X-Stainless-Read-Timeout": "600"}
    answer = await edit(api, files={"image": FILE, "notes": b"x"}, headers=headers)
    assert answer.headers["x-ignored-params"] == "notes"
    assert error_of(await edit(api, files={"image": FILE, "prompt": b"x"}))[0] == 400


async def test_an_image_alone_in_a_list_is_the_image(api: Api) -> None:
    text = base64.b64encode(FILE).decode()
    made = [
        await api.client.post(EDITS, data={"prompt": "x", "seed": "3", "steps": "2"}, files=[("image[]", FILE)]),
        await api.client.post(EDITS, json={"prompt": "x", "seed": 3, "steps": 2, "image": [text]}),
    ]
    assert (image_of(made[0]) == image_of(made[1])).all()


async def test_fields_of_other_programs_and_numbers_as_text_are_understood(api: Api) -> None:
    answer = await edit(
        api, width="64", height="64", scheduler="normal", style="", model="", output_format="jpg", seed="7", n="2",
        guidance_scale="2.5", input_fidelity="high", user="me", quality="hd", background="auto",
    )  # fmt: skip
    told = answer.json()
    assert (told["size"], told["output_format"], told["guidance_scale"]) == ("64x64", "jpeg", 2.5)
    assert [item["seed"] for item in told["data"]] == [7, 8]
    assert "x-ignored-params" not in answer.headers


async def test_two_images_are_one_too_many(api: Api) -> None:
    for count in (2, 16):
        answer = await api.client.post(EDITS, data={"prompt": "x"}, files=[("image[]", FILE)] * count)
        assert error_of(answer) == (400, "image")
        assert "one image" in answer.json()["error"]["message"]


async def test_a_file_with_an_image_that_has_no_effect_is_refused(api: Api) -> None:
    assert error_of(await edit(api, files={"image": FILE, "markup": FILE})) == (400, "markup")
    assert api.engine.jobs == []


async def test_a_model_without_inputs_refuses_before_it_decodes(api: Api) -> None:
    api.engine.info = replace(INFO, input_kinds=())
    assert error_of(await edit(api, files={"image": b"no image"})) == (400, "image")
    api.engine.info = replace(INFO, input_kinds=("image",))
    assert error_of(await edit(api, files={"image": FILE, "mask": FILE})) == (400, "mask")
    assert (await edit(api)).is_success


async def test_a_model_that_edits_by_instructions_needs_an_image_and_makes_every_step(api: Api) -> None:
    api.engine.info = replace(INFO, reads_image=True, input_kinds=("image",))
    without = await api.client.post("/v1/images/generations", json={"prompt": "make it blue"})
    assert error_of(without) == (400, "image")
    assert error_of(await edit(api, strength="0.5")) == (400, "strength")
    assert error_of(await edit(api, image_guidance_scale="0.5")) == (400, "image_guidance_scale")
    assert error_of(await edit(api, files={"image": FILE, "mask": FILE})) == (400, "mask")
    assert api.engine.jobs == []

    assert image_of(await edit(api, image_guidance_scale="2", num_inference_steps="3")).shape == (64, 96, 3)
    (params,) = api.engine.jobs[0].images
    assert (params.image_guidance_scale, params.strength, params.steps) == (2.0, 1.0, 3)


async def test_a_model_without_guidance_by_an_image_refuses_it(api: Api) -> None:
    assert error_of(await edit(api, image_guidance_scale="1.5")) == (400, "image_guidance_scale")
    assert (await edit(api, image_guidance_scale="1")).is_success


async def test_an_image_that_is_answered_by_its_address_is_stored(api: Api) -> None:
    (item,) = (await edit(api, response_format="url")).json()["data"]
    stored = await api.client.get(item["url"])
    assert decode_raster(stored.content).size == SIZE
