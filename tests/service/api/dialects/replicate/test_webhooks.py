"""Webhooks of predictions: their events, their bodies, and the secret that signs them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from msgspec import structs

from service.api.dialects.replicate.webhooks import FORMAT, events_of, renderer
from service.api.signed_urls import LinkSigner
from service.jobs.records import Status
from service.webhooks.rendering import MAX_BODY_BYTES
from service.webhooks.types import END_EVENTS, EVENTS, JOB_STARTED, JOB_SUCCEEDED, Webhook
from tests.service.api.dialects.replicate.requests import PREDICTIONS, ROOT
from tests.service.api.in_process import Api
from tests.service.api.records import CREATED_AT, make_image, make_record

HOOK: Final = Webhook("https://example.com/x", EVENTS, FORMAT, "https://draw.example/prefix")
RENDER: Final = renderer(LinkSigner(b"key"))
ENDED: Final = make_record(status=Status.SUCCEEDED, completed_at=CREATED_AT + 3, images=[make_image()])


def test_a_body_is_the_prediction_with_links_and_no_files_and_the_same_at_each_try() -> None:
    body = RENDER(ENDED, HOOK, JOB_SUCCEEDED)
    told = json.loads(body)
    assert (told["id"], told["status"]) == (ENDED.id, "succeeded")
    assert told["output"][0].startswith(f"https://draw.example/prefix/shared/{ENDED.id}/0.png?")
    assert told["urls"]["get"] == f"https://draw.example/prefix{PREDICTIONS}/{ENDED.id}"
    assert RENDER(ENDED, HOOK, JOB_SUCCEEDED) == body


def test_a_body_of_long_texts_leaves_them_to_the_address_of_the_prediction() -> None:
    (first, *_), long = ENDED.spec.images, "é" * MAX_BODY_BYTES
    spec = structs.replace(ENDED.spec, images=(structs.replace(first, params=replace(first.params, prompt=long)),))
    body = RENDER(replace(ENDED, spec=spec), HOOK, JOB_SUCCEEDED)
    assert (len(body) < MAX_BODY_BYTES, json.loads(body)["input"]) == (True, {})


def test_the_names_of_a_filter_stand_for_events_of_the_job() -> None:
    assert set(events_of(None)) == set(EVENTS)
    assert events_of(["start"]) == (JOB_STARTED,)
    assert events_of(["output", "logs", "completed"]) == END_EVENTS


async def test_a_prediction_may_name_an_address_that_is_told_of_it(api: Api) -> None:
    asked = {"webhook": HOOK.url, "webhook_events_filter": ["completed"]}
    answer = await api.client.post(PREDICTIONS, json={"input": {"prompt": "x"}, **asked})
    assert answer.status_code == 201, answer.text


async def test_an_address_that_nothing_is_sent_to_is_refused(api: Api) -> None:
    for field in ({"webhook": "http://localhost/x"}, {"webhook": "x"}, {"webhook_events_filter": ["unknown"]}):
        answer = await api.client.post(PREDICTIONS, json={"input": {"prompt": "x"}, **field})
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith(f"- {next(iter(field))}: ")


async def test_the_secret_is_that_of_the_tenant(api: Api) -> None:
    key = (await api.client.get(f"{ROOT}/webhooks/default/secret")).json()["key"]
    assert key.startswith("whsec_")
