"""A job that is sent many times with one Idempotency-Key is one job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from service.engine.interface import Phase
from tests.harness.jobs_client import ROOT, JobsClient
from tests.harness.wire.http_server import Harness


@pytest.fixture
def key(request: pytest.FixtureRequest) -> dict[str, str]:
    """A key that no other test uses, since keys outlive their jobs."""
    return {"Idempotency-Key": request.node.name}


def test_a_repeated_post_is_answered_with_the_same_job_and_says_so(
    server: Harness, jobs: JobsClient, key: dict[str, str]
) -> None:
    first, second = (jobs.post(prompt="x", num_inference_steps=1, headers=key) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert first.headers["location"] == second.headers["location"]
    assert len(jobs.page()["data"]) == 1


def test_fifty_posts_at_once_are_one_job(server: Harness, jobs: JobsClient, key: dict[str, str]) -> None:
    def post(_: int) -> httpx2.Response:
        """Posts a job, again and again while the store is busy, as a client with a key may."""
        while (answer := jobs.post(prompt="x", num_inference_steps=1, headers=key)).status_code == 503:
            pass
        return answer

    with ThreadPoolExecutor(50) as callers:
        answers = list(callers.map(post, range(50)))
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) <= 1
    (job,) = jobs.page()["data"]
    jobs.ended(job)
    assert len(server.engine.jobs) == 1


def test_a_replay_is_answered_with_the_present_state_of_the_job(jobs: JobsClient, key: dict[str, str]) -> None:
    job = jobs.create(headers=key)
    jobs.ended(job)
    again = jobs.post(prompt="x", num_inference_steps=1, headers=key)
    assert again.json() == jobs.get(job)
    assert again.json()["status"] == "succeeded"


def test_a_replay_can_wait_for_the_end(jobs: JobsClient, key: dict[str, str]) -> None:
    job = jobs.create(headers=key)
    again = jobs.post(prompt="x", num_inference_steps=1, headers={**key, "Prefer": "wait=60"})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, job["id"], "succeeded")
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("seed", [None, -1])
def test_bodies_are_compared_as_they_were_sent_before_a_seed_is_drawn(
    jobs: JobsClient, key: dict[str, str], seed: int | None
) -> None:
    first, second = (jobs.post(prompt="x", seed=seed, headers=key) for _ in range(2))
    assert second.headers["idempotency-replayed"] == "true"
    assert first.json()["seeds"] == second.json()["seeds"]


def test_the_order_of_fields_and_white_space_do_not_matter(jobs: JobsClient, key: dict[str, str]) -> None:
    first, second = (
        jobs.client.post(ROOT, content=body, headers={**key, "Content-Type": "application/json"})
        for body in (b'{"prompt": "x", "seed": 7}', b'{"seed":7,\n"prompt":"x"}')
    )
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize("change", [{"prompt": "y"}, {"seed": 8}, {"n": 2}, {"previews": 0}])
def test_a_key_with_a_different_body_is_refused_and_changes_nothing(
    jobs: JobsClient, key: dict[str, str], change: dict[str, object]
) -> None:
    job = jobs.create(seed=7, headers=key)
    answer = jobs.post(**{"prompt": "x", "num_inference_steps": 1, "seed": 7, **change}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert [each["id"] for each in jobs.page()["data"]] == [job["id"]]


def test_a_refused_body_does_not_use_up_its_key(jobs: JobsClient, key: dict[str, str]) -> None:
    assert jobs.post(prompt="x", n=0, headers=key).status_code == 422
    assert jobs.post(prompt="x", headers=key).status_code == 202


def test_the_key_of_a_deleted_job_makes_no_new_job(jobs: JobsClient, key: dict[str, str]) -> None:
    jobs.delete(jobs.create(headers=key))
    answer = jobs.post(prompt="x", num_inference_steps=1, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert jobs.page()["data"] == []


def test_the_key_of_a_canceled_job_is_answered_with_that_job(
    server: Harness, jobs: JobsClient, key: dict[str, str]
) -> None:
    server.engine.phase = Phase.LOADING
    jobs.cancel(jobs.create(headers=key))
    assert jobs.post(prompt="x", num_inference_steps=1, headers=key).json()["status"] == "canceled"


@pytest.mark.parametrize(
    "bad", [b"", b"k" * 256, b"a\tb", b"\x85", b"\xe9", b"\xc3\xa9"], ids=lambda key: repr(key)[:12]
)
def test_an_invalid_key_is_refused(server: Harness, jobs: JobsClient, bad: bytes) -> None:
    answer = jobs.client.post(ROOT, json={"prompt": "x"}, headers=httpx2.Headers([(b"Idempotency-Key", bad)]))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")
    assert jobs.page()["data"] == []


def test_a_key_may_have_255_characters(jobs: JobsClient) -> None:
    assert jobs.post(prompt="x", headers={"Idempotency-Key": "k" * 255}).status_code == 202
