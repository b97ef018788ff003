"""`client.jobs`: jobs are submitted, found again and listed."""

from __future__ import annotations

import json

import httpx2
import pytest

import darkroom
from tests.client import answers
from tests.client.both import Clients


def test_a_job_is_submitted_and_its_handle_returned(connect: Clients) -> None:
    bodies: list[object] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        bodies.append(json.loads(request.content))
        return answers.job("queued", queue_position=2)

    job = connect(handler).jobs.submit(prompt=["a", "b"], steps=4, size="64x32", previews=1)
    assert (job.id, job.status, job.queue_position) == ("job_1", "queued", 2)
    assert bodies == [
        {"prompt": ["a", "b"], "num_inference_steps": 4, "width": 64, "height": 32, "previews": 1},
    ]


def test_a_refused_field_is_named_as_the_argument(connect: Clients) -> None:
    client = connect(lambda _: answers.problem(422, ("/num_inference_steps", "Must be at most 150.")))
    with pytest.raises(darkroom.UnprocessableEntityError, match=r"^steps: Must be at most 150\.$") as caught:
        client.jobs.submit(prompt="x", steps=10**6)
    assert caught.value.param == "steps"


def test_a_list_reads_one_page_after_the_other(connect: Clients) -> None:
    queries: list[dict[str, str]] = []
    pages = [(("job_1", "job_2"), "more"), (("job_3",), None)]

    def handler(request: httpx2.Request) -> httpx2.Response:
        queries.append(dict(request.url.params))
        ids, cursor = pages[len(queries) - 1]
        jobs = [answers.job_record("succeeded") | {"id": job_id} for job_id in ids]
        return httpx2.Response(200, json={"data": jobs, "next_cursor": cursor})

    jobs = connect(handler).jobs.list(status="succeeded", page_size=2)
    assert queries == []
    assert [job.id for job in jobs] == ["job_1", "job_2", "job_3"]
    assert queries == [
        {"limit": "2", "status": "succeeded"},
        {"limit": "2", "status": "succeeded", "cursor": "more"},
    ]


def test_the_raw_response_of_a_submission_has_its_headers(connect: Clients) -> None:
    def handler(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(202, json=answers.job_record(), headers={"Idempotency-Replayed": "true"})

    raw = connect(handler).jobs.with_raw_response.submit(prompt="x")
    assert (raw.headers["idempotency-replayed"], raw.parse().id) == ("true", "job_1")
