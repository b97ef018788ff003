"""Jobs are canceled, deleted, failed, refused by the engine, or finished by the next server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.engine.interface import Phase
from service.errors import EngineUnavailableError, NonFiniteResultError
from tests.harness.engine.fake_drawing import UNENCODABLE
from tests.harness.jobs_client import ROOT, JobsClient, assert_problem, events_in
from tests.harness.wire.http_server import Harness, wait_until
from tests.service.serving import Serve

CANARY = "cAnArY7"
FILES_OF_A_JOB = ("events", "images/0", "images/0/thumbnail")


def stored_files(server: Harness) -> list[Path]:
    return [path for path in (server.data_dir / "images").rglob("*") if path.is_file()]


def test_a_canceled_job_frees_its_rows_and_keeps_its_finished_images(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (1, 1)
    job = jobs.create(n=3)
    with jobs.following(job) as events:
        next(event for event in events if event.name == "image")
        answer = jobs.cancel(job)
    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert [image["index"] for image in answer.json()["images"]] == [0]
    assert jobs.client.get(answer.json()["images"][0]["url"]).status_code == 200
    (made,) = server.engine.jobs
    wait_until(lambda: made.canceled)
    wait_until(lambda: server.engine.idle)
    assert server.engine.steps <= 2


def test_canceling_a_job_twice_is_like_canceling_it_once(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 1)
    job = jobs.create()
    first, second = jobs.cancel(job), jobs.cancel(job)
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json() == jobs.get(job)
    assert first.json()["completed_at"] is not None


def test_canceling_an_ended_job_changes_nothing(jobs: JobsClient) -> None:
    ended = jobs.ended(jobs.create())
    assert jobs.cancel(ended).json() == ended == jobs.get(ended)


def test_a_job_canceled_while_it_waits_never_reaches_the_engine(server: Harness, jobs: JobsClient) -> None:
    server.engine.phase = Phase.LOADING
    job = jobs.create()
    assert jobs.cancel(job).json()["status"] == "canceled"
    server.engine.phase = Phase.SERVING
    jobs.ended(jobs.create(prompt="the next"))
    assert [made.images[0].prompt for made in server.engine.jobs] == ["the next"]


def queued(server: Harness, jobs: JobsClient) -> dict[str, Any]:
    server.engine.phase = Phase.LOADING
    return jobs.create(n=2)


def running(server: Harness, jobs: JobsClient) -> dict[str, Any]:
    """Returns a job with one finished image of two."""
    server.engine.held_before = (1, 1)
    job = jobs.create(n=2)
    with jobs.following(job) as events:
        next(event for event in events if event.name == "image")
    return job


def ended(server: Harness, jobs: JobsClient) -> dict[str, Any]:
    return jobs.ended(jobs.create(n=2))


@pytest.mark.parametrize("state", [queued, running, ended])
def test_a_deleted_job_leaves_nothing_behind(
    server: Harness, jobs: JobsClient, state: Callable[[Harness, JobsClient], dict[str, Any]]
) -> None:
    job = state(server, jobs)
    assert jobs.delete(job).status_code == 204
    wait_until(lambda: server.engine.idle)
    wait_until(lambda: stored_files(server) == [])
    gone = [jobs.client.get(f"{job['urls']['self']}/{path}".rstrip("/")) for path in ("", *FILES_OF_A_JOB)]
    gone += [jobs.delete(job), jobs.cancel(job), jobs.client.post(f"{job['urls']['self']}/images/0/links", json={})]
    for answer in gone:
        assert_problem(answer, 404, "not_found")
    assert {answer.json()["detail"] for answer in gone} <= {"There is no such job.", "There is no such image."}
    assert jobs.page()["data"] == []


@pytest.mark.parametrize("path", ["", "/cancel", "/events", "/images/0", "/images/0/thumbnail"])
def test_a_job_that_never_existed_is_answered_like_a_deleted_one(jobs: JobsClient, path: str) -> None:
    method = "POST" if path == "/cancel" else "GET"
    never = jobs.client.request(method, f"{ROOT}/job_{'a' * 26}{path}")
    job = ended_and_deleted(jobs)
    gone = jobs.client.request(method, f"{job['urls']['self']}{path}")
    assert never.status_code == gone.status_code == 404
    assert never.content == gone.content


def ended_and_deleted(jobs: JobsClient) -> dict[str, Any]:
    job = jobs.ended(jobs.create())
    jobs.delete(job)
    return job


def test_one_failing_image_fails_the_job_and_the_finished_images_stay(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (1, 1)
    job = jobs.create(n=3)
    with jobs.following(job) as events:
        next(event for event in events if event.name == "image")
        server.engine.failure = NonFiniteResultError("The image's numbers overflowed.")
        server.engine.let_go()
        names = [event.name for event in events]
    assert names[-3:] == ["status", "failed", "done"]
    ended = jobs.get(job)
    assert ended["status"] == "failed"
    assert ended["error"] == {
        "code": "non_finite_result",
        "message": "The image's numbers overflowed.",
        "field": None,
    }
    assert [image["index"] for image in ended["images"]] == [0]
    assert jobs.client.get(ended["images"][0]["url"]).status_code == 200


def test_an_unforeseen_error_says_nothing_about_itself_anywhere(server: Harness, jobs: JobsClient) -> None:
    server.engine.failure = RuntimeError(f"{CANARY} in /home/someone")
    job = jobs.create()
    with server.client.stream("GET", job["urls"]["events"]) as answer:
        told = answer.read().decode()
    ended = jobs.get(job)
    assert ended["error"] == {"code": "internal_error", "message": "Something went wrong.", "field": None}
    assert [event.name for event in events_in(told.splitlines())][-2:] == ["failed", "done"]
    metrics = server.client.get(f"{server.admin_url}/metrics").text
    database = b"".join(file.read_bytes() for file in server.data_dir.glob("jobs.sqlite3*"))
    assert not [text for text in (told, str(ended), metrics, repr(database)) if CANARY in text]


def test_an_image_that_cannot_be_encoded_fails_its_job(jobs: JobsClient) -> None:
    ended = jobs.ended(jobs.create(prompt=["x", UNENCODABLE]))
    assert (ended["status"], ended["error"]["code"]) == ("failed", "internal_error")
    assert [image["index"] for image in ended["images"]] == [0]


def test_a_job_that_the_engine_refuses_is_run_later(server: Harness, jobs: JobsClient) -> None:
    server.engine.refusals = [EngineUnavailableError("The server is shutting down.", retry_after_s=1)]
    ended = jobs.ended(jobs.create())
    assert (ended["status"], server.engine.refusals, len(server.engine.jobs)) == ("succeeded", [], 1)


def test_a_job_whose_deadline_passes_in_the_queue_is_not_begun(server: Harness, jobs: JobsClient) -> None:
    server.engine.phase = Phase.LOADING
    job = jobs.create(deadline_s=0.001)
    server.engine.phase = Phase.SERVING
    ended = jobs.ended(job)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "deadline_exceeded")
    assert server.engine.jobs == []


def test_a_server_that_is_stopping_refuses_jobs(server: Harness, jobs: JobsClient) -> None:
    server.engine.phase = Phase.DRAINING
    answer = jobs.post(prompt="x")
    assert_problem(answer, 503, "engine_unavailable")
    assert int(answer.headers["retry-after"]) > 0


def test_while_the_model_is_unknown_callers_are_told_when_to_come_back(server: Harness, jobs: JobsClient) -> None:
    server.engine.info = None
    answer = jobs.post(prompt="x")
    assert_problem(answer, 503, "engine_unavailable")
    assert answer.headers["retry-after"] == "5"


def test_accepted_jobs_and_their_keys_outlive_the_server(serve: Serve, tmp_path: Path) -> None:
    key = {"Idempotency-Key": "once"}
    with serve(data_dir=tmp_path, phase=Phase.LOADING) as before:
        job = JobsClient(before.client).create(headers=key)
    with serve(data_dir=tmp_path) as after:
        jobs = JobsClient(after.client)
        assert jobs.ended(job)["status"] == "succeeded"
        assert jobs.post(headers=key, prompt="x", num_inference_steps=1).json()["id"] == job["id"]
