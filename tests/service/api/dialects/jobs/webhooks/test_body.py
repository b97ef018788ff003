"""The native bodies: an event about a job, with links that work without a key, and never more than receivers take."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from service.api.dialects.jobs.webhooks.body import renderer
from service.api.signed_urls import LinkSigner
from service.jobs.records import JobFailure, JobRecord, Status
from service.webhooks.rendering import MAX_BODY_BYTES, as_of
from service.webhooks.types import JOB_FAILED, JOB_STARTED, JOB_SUCCEEDED, Webhook
from tests.harness.sample_jobs import make_webhook
from tests.service.api.records import CREATED_AT, make_image, make_record

LINKS = LinkSigner(bytes(32))
ENDED_AT = CREATED_AT + 10


def ended(count: int = 2, *, keep_s: float = 1e6, **fields: Any) -> JobRecord:
    images = [make_image(index) for index in range(count)]
    times = {"started_at": CREATED_AT + 1, "completed_at": ENDED_AT, "expires_at": ENDED_AT + keep_s}
    return make_record(count=count, images=images, status=Status.SUCCEEDED, **times, **fields)


def rendered(job: JobRecord, event: str, webhook: Webhook | None = None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(renderer(LINKS)(job, webhook or make_webhook(), event))
    return body


def test_an_end_is_told_with_links_that_work_for_two_days_and_not_beyond_the_job() -> None:
    for keep_s, works_s in ((1e6, 48 * 3600), (3600.0, 3600)):
        job = ended(keep_s=keep_s)
        body = rendered(job, JOB_SUCCEEDED)

        assert (body["type"], body["timestamp"]) == ("job.succeeded", body["data"]["completed_at"])
        assert body["data"]["status"] == "succeeded"
        assert body["data"]["url"] == f"https://images.test/api/v1/jobs/{job.id}"
        assert [image["seed"] for image in body["data"]["images"]] == [0, 1]
        for image in body["data"]["images"]:
            link = urlsplit(image["url"])
            query = {name: values[0] for name, values in parse_qs(link.query).items()}
            expires_at = int(query["expires"])
            assert (link.scheme, link.netloc, expires_at) == ("https", "images.test", int(ENDED_AT + works_s))
            assert LINKS.holds(job.id, image["index"], expires_at, query["signature"], now=ENDED_AT)


def test_a_start_has_no_images_and_no_end() -> None:
    body = rendered(as_of(ended(), JOB_STARTED), JOB_STARTED)

    assert (body["type"], body["timestamp"]) == ("job.started", body["data"]["started_at"])
    assert body["data"]["status"] == "running"
    assert (body["data"]["images"], body["data"]["completed_at"]) == ([], None)


def test_a_failure_says_why() -> None:
    job = replace(ended(1), status=Status.FAILED, failure=JobFailure("out_of_memory", "No room."))

    assert rendered(job, JOB_FAILED)["data"]["error"] == {
        "code": "out_of_memory", "message": "No room.", "field": None,
    }  # fmt: skip


def test_a_body_never_grows_beyond_its_limit_and_says_how_many_images_there_are() -> None:
    job = ended(100)
    body = renderer(LINKS)(job, make_webhook(), JOB_SUCCEEDED)
    data = json.loads(body)["data"]

    assert MAX_BODY_BYTES - 1000 < len(body) <= MAX_BODY_BYTES
    assert data["image_count"] == 100
    assert [image["index"] for image in data["images"]] == list(range(len(data["images"])))
    assert body == renderer(LINKS)(job, make_webhook(), JOB_SUCCEEDED), "a later try sends the same"
