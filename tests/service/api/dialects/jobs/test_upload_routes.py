"""An image that is sent to /api/v1/uploads is sent once, named by its digest, and belongs to its tenant."""

from __future__ import annotations

import base64
from typing import Any, Final

import pytest
from PIL import Image

from tests.service.api.in_process import JOBS, TENANT, Api
from tests.service.images.inputs.samples import picture, saved

UPLOADS: Final = "/api/v1/uploads"
SIZE: Final = (96, 64)
FILE: Final = saved(picture(SIZE), "jpeg", quality=95)
ALICE: Final = {TENANT: "alice"}
BOB: Final = {TENANT: "bob"}


async def upload(api: Api, file: bytes = FILE, **headers: str) -> dict[str, Any]:
    answer = await api.client.post(UPLOADS, files={"image": file}, headers={**ALICE, **headers})
    assert answer.status_code == 201, answer.text
    described: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{UPLOADS}/{described['sha256']}"
    return described


async def make(api: Api, **fields: Any) -> dict[str, Any]:
    job: dict[str, Any] = (await api.create_job(headers=ALICE, **{"num_inference_steps": 4, **fields})).json()
    assert job.get("status") == "succeeded", job
    return job


async def test_forms_and_json_name_the_same_upload(api: Api) -> None:
    sent = await upload(api)
    text = base64.b64encode(FILE).decode()
    again = (await api.client.post(UPLOADS, json={"image": text}, headers=ALICE)).json()

    assert (sent["width"], sent["height"], again["sha256"]) == (*SIZE, sent["sha256"])
    assert (await api.client.get(f"{UPLOADS}/{sent['sha256']}", headers=ALICE)).json()["sha256"] == sent["sha256"]


async def test_a_job_starts_from_an_upload_as_from_the_file_itself(api: Api) -> None:
    digest = (await upload(api))["sha256"]
    text = base64.b64encode(FILE).decode()
    by_digest, by_file = [await make(api, image=image, seed=3, strength=0.5) for image in (digest, text)]

    assert by_digest["images"][0]["sha256"] == by_file["images"][0]["sha256"]
    assert (by_digest["images"][0]["width"], by_digest["images"][0]["height"]) == SIZE
    assert by_digest["request"]["strength"] == 0.5


async def test_a_job_takes_a_form(api: Api) -> None:
    mask = saved(Image.new("L", SIZE, 255))
    answer = await api.client.post(
        JOBS,
        data={"prompt": "x", "num_inference_steps": "3", "seed": "7", "previews": "1", "prompt_matrix": "true"},
        files={"image": FILE, "mask": mask},
        headers={"Prefer": "wait=60", **ALICE},
    )
    job = answer.json()
    assert (job["status"], job["seeds"], job["request"]["strength"]) == ("succeeded", [7], 1.0), job
    assert job["request"]["mask"] != job["request"]["image"]


async def test_the_request_of_a_job_with_an_image_makes_the_same_image_again(api: Api) -> None:
    first = await make(api, image=(await upload(api))["sha256"], extend={"left": 32}, width=128, height=64)
    again = {name: value for name, value in first["request"].items() if value is not None}
    prompts = again.pop("prompts")
    second = await make(api, **again, prompt=prompts, seed=first["seeds"][0])
    assert second["images"][0]["sha256"] == first["images"][0]["sha256"]


async def test_an_upload_of_another_tenant_is_unknown_everywhere(api: Api) -> None:
    mine, unknown = (await upload(api))["sha256"], "0" * 64
    for digest in (mine, unknown):
        for method in ("GET", "DELETE"):
            answer = await api.client.request(method, f"{UPLOADS}/{digest}", headers=BOB)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answers = [
        (await api.client.post(JOBS, json={"prompt": "x", "image": digest}, headers=BOB)).text
        for digest in (mine, unknown)
    ]
    assert answers[0] == answers[1]
    assert "/image" in answers[0]
    theirs = await api.client.post(UPLOADS, files={"image": FILE}, headers=BOB)
    assert theirs.json()["created_at"] != (await upload(api))["created_at"], "nothing tells that another one has it"


async def test_an_upload_is_deleted_at_once_or_with_the_last_job_that_starts_from_it(api: Api) -> None:
    digest = (await upload(api, saved(picture(SIZE))))["sha256"]
    job = await make(api, image=digest)
    assert job["request"]["image"] == digest, "an image of the size is the upload itself"
    path = f"{UPLOADS}/{digest}"

    assert (await api.client.delete(path, headers=ALICE)).status_code == 204
    kept = await api.client.get(path, headers=ALICE)
    assert kept.json()["expires_at"] is None
    await api.client.delete(job["urls"]["self"], headers=ALICE)
    assert (await api.client.get(path, headers=ALICE)).status_code == 404
    assert (await api.client.delete(path, headers=ALICE)).status_code == 404


async def test_a_key_names_the_same_job_whose_body_has_the_same_file(api: Api) -> None:
    headers = {"Idempotency-Key": "key", "Prefer": "wait=60", **ALICE}

    async def send(file: bytes) -> Any:
        data = {"prompt": "x", "num_inference_steps": "2"}
        return await api.client.post(JOBS, data=data, files={"image": file}, headers=headers)

    first, again, other = [await send(file) for file in (FILE, FILE, saved(picture(SIZE)))]
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(api.engine.jobs) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"image": "R0lGODlh"}, "/image"),
        ({"image": 7}, "/image"),
        ({"image": ""}, "/image"),
        ({}, "/image"),
        ({"image": "R0lGODlh", "imge": "x"}, "/imge"),
        ({"image": "file:///etc/passwd"}, "/image"),
    ],
)
async def test_what_is_no_image_is_refused_with_a_pointer(api: Api, body: dict[str, Any], pointer: str) -> None:
    answer = await api.client.post(UPLOADS, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][-1]["pointer"] == pointer


async def test_a_large_image_is_accepted_and_a_large_body_without_one_is_not(api: Api) -> None:
    noise = saved(Image.effect_noise((1200, 1200), 90).convert("RGB"), compress_level=0)
    assert len(noise) > 4 << 20
    await upload(api, noise)
    text = base64.b64encode(noise).decode()
    assert (await make(api, image=text, width=64, height=64))["images"][0]["width"] == 64

    answer = await api.client.post(JOBS, json={"prompt": ["x" * 1000] * 1500})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_hires_and_size_conditioning_are_part_of_the_request(api: Api) -> None:
    job = await make(api, hires={"scale": 2, "steps": 2}, original_size=[512, 512], crop=[8, 0], target_size=[256, 256])
    (params,) = api.engine.jobs[-1].images
    assert (params.width, params.height, params.original_size, params.crop) == (256, 256, (512, 512), (8, 0))
    assert job["request"]["hires"] == {"width": 128, "height": 128, "steps": 2, "strength": 0.7, "upscaler": "bilinear"}
    again = await make(api, hires=job["request"]["hires"], width=256, height=256)
    assert again["request"]["hires"] == job["request"]["hires"]
