"""Predictions from acceptance to the end, as Replicate's clients ask for them."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from service.api.dialects.replicate.versions import version_id
from service.errors import GenerationFailedError
from tests.harness.keys import bearer
from tests.service.api.dialects.replicate.requests import MODEL, PREDICTIONS, ROOT, predict
from tests.service.api.in_process import Api
from tests.service.images.inputs.samples import picture, saved


async def test_a_prediction_that_ends_in_time_is_answered_with_its_output(api: Api) -> None:
    answer = await predict(api, num_outputs=2, seed=7, output_format="jpg", go_fast=True)
    made = answer.json()
    assert (answer.status_code, made["status"], made["model"]) == (201, "succeeded", "darkroom/darkroom-fake")
    assert [output[:23] for output in made["output"]] == ["data:image/jpeg;base64,"] * 2
    assert answer.headers["x-ignored-params"] == "go_fast"
    body = {"input": {"prompt": "x", "num_inference_steps": 1, "go_fast": True}, "stream": True}
    assert (await api.client.post(PREDICTIONS, json=body)).headers["x-ignored-params"] == "stream, go_fast"
    assert (made["input"]["seed"], made["input"]["num_outputs"], made["metrics"]["image_count"]) == (7, 2, 2)
    assert (await api.client.get(made["urls"]["get"])).json() == made


async def test_a_caller_by_https_gets_links_that_need_no_key(guarded: Api) -> None:
    url = f"https://{urlsplit(str(guarded.client.base_url)).hostname}"
    (link,) = (await predict(guarded, f"{url}{MODEL}", headers=bearer("alice"))).json()["output"]
    assert link.startswith(f"{url}/shared/")
    image = await guarded.client.get(link)
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")


async def test_a_prediction_is_starting_to_its_creator_until_it_has_ended(api: Api) -> None:
    api.engine.held_before = (0, 1)
    answers = [await predict(api, headers={"Prefer": preferred}) for preferred in ("", "wait=1")]
    for answer in answers:
        assert (answer.status_code, answer.json()["status"], answer.json()["output"]) == (201, "starting", None)
    urls = answers[-1].json()["urls"]
    url = urls["get"]
    assert (await api.client.get(url)).json()["status"] == "processing"
    canceled = (await api.client.post(urls["cancel"])).json()
    assert (canceled["status"], canceled["output"]) == ("canceled", None)
    assert (await api.client.get(url)).json()["status"] == "canceled"
    api.engine.let_go()


async def test_a_prediction_that_fails_has_its_error(api: Api) -> None:
    api.engine.failure = GenerationFailedError("The image could not be made.")
    made = (await predict(api)).json()
    assert (made["status"], made["error"], made["output"]) == ("failed", "The image could not be made.", None)


async def test_the_body_of_a_prediction_may_name_the_model_or_its_version(api: Api) -> None:
    version = version_id("darkroom-fake")
    for named in ({}, {"model": "x/darkroom-fake"}, {"version": version}, {"version": f"a/b:{version}"}):
        answer = await api.client.post(PREDICTIONS, json={"input": {"prompt": "x", "num_inference_steps": 1}, **named})
        assert (answer.status_code, answer.json()["version"]) == (201, version)
    unknown = await api.client.post(PREDICTIONS, json={"input": {"prompt": "x"}, "version": "0" * 64})
    assert (unknown.status_code, unknown.json()["status"], unknown.json()["title"]) == (404, 404, "Not Found")


async def test_errors_have_a_title_a_detail_and_the_status(api: Api) -> None:
    bad = await predict(api, width=0)
    assert bad.headers["content-type"] == "application/problem+json"
    told = bad.json()
    assert (told["title"], told["status"], bad.status_code) == ("Unprocessable Entity", 422, 422)
    assert told["detail"].startswith("- input.width: ")
    assert told["errors"][0]["pointer"] == "/input/width"
    assert (await api.client.get(f"{PREDICTIONS}/nothing")).json()["status"] == 404


async def test_pages_of_predictions_follow_their_addresses(api: Api) -> None:
    made = [(await predict(api, seed=seed)).json()["id"] for seed in range(3)]
    page = (await api.client.get(PREDICTIONS)).json()
    assert ([each["id"] for each in page["results"]], page["previous"], page["next"]) == (made[::-1], None, None)
    assert page["results"][0]["output"][0].startswith("http://server.test/shared/")


async def test_the_same_idempotency_key_names_the_same_prediction(api: Api) -> None:
    key = {"Idempotency-Key": "a"}
    first, again, other = [await predict(api, headers=key, seed=seed) for seed in (1, 1, 2)]
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (first.json()["id"], "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_image_to_start_from_is_a_data_address_or_an_uploaded_file(api: Api) -> None:
    file = saved(picture((96, 64)))
    uploaded = await api.client.post(f"{ROOT}/files", files={"content": ("a.png", file, "image/png")})
    address = f"data:image/png;base64,{base64.b64encode(file).decode()}"
    for image in (address, uploaded.json()["urls"]["get"]):
        made = await predict(api, image=image, prompt_strength=0.5, num_inference_steps=4, seed=1)
        assert (made.json()["status"], made.json()["input"]["strength"]) == ("succeeded", 0.5)
    first, second = (job.images[0] for job in api.engine.jobs)
    assert (first, first.width, first.height) == (second, 96, 64)
    elsewhere = await predict(api, image="https://example.com/a.png")
    assert "URLs are not fetched" in elsewhere.json()["detail"]


async def test_tenants_have_predictions_of_their_own(guarded: Api) -> None:
    made = (await predict(guarded, headers=bearer("alice"))).json()
    listed = [
        (await guarded.client.get(PREDICTIONS, headers=bearer(name))).json()["results"] for name in ("alice", "bob")
    ]
    assert ([each["id"] for each in listed[0]], listed[1]) == ([made["id"]], [])
    assert (await guarded.client.get(made["urls"]["get"], headers=bearer("bob"))).status_code == 404
    assert (await guarded.client.get(made["urls"]["get"])).status_code == 401
