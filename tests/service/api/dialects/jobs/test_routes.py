"""/api/v1/jobs over HTTP: jobs are accepted, waited for, looked up and listed."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest

from pipelines.fake import INFO
from pipelines.params import GenerationParams
from service.engine.interface import Phase
from tests.harness.engine.fake_engine import IMAGE_PRICE_S
from tests.harness.jobs_client import ROOT, JobsClient, assert_problem
from tests.harness.wire.http_server import Harness, wait_until


def test_an_accepted_job_says_where_it_is(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 2)
    answer = jobs.post(prompt="a red circle", seed=7, num_inference_steps=4)
    job = answer.json()
    assert answer.status_code == 202
    assert re.fullmatch("job_[a-z2-7]{26}", job["id"])
    assert answer.headers["location"] == job["urls"]["self"] == f"{ROOT}/{job['id']}"
    assert job["urls"] == {
        "self": f"{ROOT}/{job['id']}",
        **{n: f"{ROOT}/{job['id']}/{n}" for n in ("events", "cancel")},
    }
    assert (job["seeds"], job["images"], job["error"], job["timings"]) == ([7], [], None, None)
    assert (job["completed_at"], job["expires_at"]) == (None, None)
    assert job["progress"] == {"step": 0, "steps": 4, "fraction": 0.0, "loading_s": None}
    assert "preference-applied" not in answer.headers


def test_defaults_of_the_model_are_filled_in_and_come_back(server: Harness, jobs: JobsClient) -> None:
    job = jobs.post(prompt="a red circle").json()
    assert job["request"] == {
        "model": INFO.name,
        "prompts": ["a red circle"],
        "negative_prompt": None,
        "long_prompt": False,
        "original_size": None,
        "crop": [0, 0],
        "target_size": None,
        "image": None,
        "mask": None,
        "keep_unmasked": False,
        "strength": 1.0,
        "image_guidance_scale": 1.0,
        "hires": None,
        "refiner": None,
        "width": 128,
        "height": 128,
        "num_inference_steps": INFO.default_steps,
        "guidance_scale": INFO.default_guidance_scale,
        "guidance_rescale": 0.0,
        "sampler": INFO.default_sampler,
        "schedule": None,
        "output_format": "png",
        "output_compression": None,
        "previews": 0,
        "priority": "interactive",
        "deadline_s": None,
    }


def test_every_parameter_of_a_job_reaches_the_engine(server: Harness, jobs: JobsClient) -> None:
    job = jobs.create(
        prompt="a red circle",
        model="dall-e-3",
        negative_prompt="blurry",
        long_prompt=True,
        width=160,
        height=96,
        num_inference_steps=5,
        guidance_scale=1,
        sampler="DPM++ 2M",
        schedule="karras",
        seed=2**63 - 1,
        output_format="webp",
        output_compression=50,
        previews=3,
        priority="batch",
        deadline_s=600,
    )
    ended = jobs.ended(job)
    (made,) = server.engine.jobs
    assert made.images == [
        GenerationParams(
            model=INFO.name,
            prompt="a red circle",
            negative_prompt="blurry",
            long_prompt=True,
            width=160,
            height=96,
            steps=5,
            guidance_scale=1.0,
            sampler="dpm++_2m",
            schedule="karras",
            seed=2**63 - 1,
        )
    ]
    assert (made.previews, made.priority) == (3, "batch")
    assert made.deadline_s is not None
    assert 0 < made.deadline_s <= 600
    assert (ended["images"][0]["mime"], ended["request"]["output_compression"]) == ("image/webp", 50)


def test_an_ended_job_describes_its_images(jobs: JobsClient) -> None:
    ended = jobs.ended(jobs.create(n=2, seed=7, num_inference_steps=3))
    assert ended["status"] == "succeeded"
    assert ended["progress"] == {"step": 6, "steps": 6, "fraction": 1.0, "loading_s": None}
    assert (ended["queue_position"], ended["eta_s"]) == (None, None)
    assert ended["created_at"] <= ended["started_at"] <= ended["completed_at"] < ended["expires_at"]
    assert ended["timings"]["total_s"] >= 0
    for index, image in enumerate(ended["images"]):
        assert (image["index"], image["seed"], image["prompt"], image["position"]) == (index, 7 + index, "x", [])
        assert (image["width"], image["height"], image["mime"]) == (128, 128, "image/png")
        assert image["url"] == f"{ended['urls']['self']}/images/{index}"
        assert image["thumbnail_url"] == f"{image['url']}/thumbnail"
    assert jobs.get(ended) == ended


def test_a_prompt_matrix_makes_every_combination_with_the_same_seeds(jobs: JobsClient) -> None:
    ended = jobs.ended(jobs.create(prompt="a {red|blue} {circle|star}", prompt_matrix=True, n=2, seed=7))
    assert [(image["prompt"], image["position"], image["seed"]) for image in ended["images"]] == [
        ("a red circle", [0, 0], 7),
        ("a red circle", [0, 0], 8),
        ("a red star", [0, 1], 7),
        ("a red star", [0, 1], 8),
        ("a blue circle", [1, 0], 7),
        ("a blue circle", [1, 0], 8),
        ("a blue star", [1, 1], 7),
        ("a blue star", [1, 1], 8),
    ]


@pytest.mark.parametrize("seed", [None, -1])
def test_a_seed_that_is_not_given_is_drawn_once_and_comes_back(
    server: Harness, jobs: JobsClient, seed: int | None
) -> None:
    first, second = (jobs.create(seed=seed, n=2) for _ in range(2))
    assert first["seeds"] != second["seeds"]
    assert first["seeds"][1] == first["seeds"][0] + 1
    assert jobs.ended(first)["seeds"] == first["seeds"] == [each.seed for each in server.engine.jobs[0].images]


def test_the_seed_that_came_back_makes_the_same_file(jobs: JobsClient) -> None:
    first = jobs.ended(jobs.create(prompt="noise"))
    second = jobs.ended(jobs.create(prompt="noise", seed=first["seeds"][0]))
    assert first["images"][0]["sha256"] == second["images"][0]["sha256"]


def test_prefer_wait_is_answered_with_the_ended_job(jobs: JobsClient) -> None:
    answer = jobs.post(prompt="x", headers={"Prefer": "wait=60"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=60")
    assert answer.json()["status"] == "succeeded"
    assert answer.headers["location"] == answer.json()["urls"]["self"]


def test_prefer_respond_async_is_answered_at_once(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 1)
    answer = jobs.post(prompt="x", headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")


def test_a_wait_that_ends_before_the_job_is_answered_with_the_running_job(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 2)
    answer = jobs.post(prompt="x", num_inference_steps=4, headers={"Prefer": "respond-async, wait=1"})
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")
    assert answer.json()["status"] == "running"
    assert answer.json()["progress"]["step"] == 1


def test_a_job_whose_prompt_was_cut_says_so(jobs: JobsClient) -> None:
    asked = {"prompt": "word " * 40, "guidance_scale": 1}
    finished = jobs.post(**asked, headers={"Prefer": "wait=60"}).json()
    assert finished["prompt_truncated"] is True
    assert finished["images"][0]["prompt_tokens"] == {"prompt": {"read": 30, "total": 40}, "negative": None}
    image = jobs.post(**asked, headers={"Accept": "image/png", "Prefer": "wait=60"})
    assert image.headers["x-truncated-prompt"] == "prompt=30/40"


@pytest.mark.parametrize(
    ("accept", "mime"), [("image/*", "image/png"), ("image/webp", "image/webp"), ("image/jpeg", "image/jpeg")]
)
def test_accept_and_prefer_wait_are_answered_with_the_image_itself(jobs: JobsClient, accept: str, mime: str) -> None:
    answer = jobs.post(prompt="x", seed=7, headers={"Accept": accept, "Prefer": "wait=60"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, mime)
    assert (answer.headers["x-seed"], answer.headers["preference-applied"]) == ("7", "wait=60")
    assert jobs.client.get(f"{answer.headers['location']}/images/0").content == answer.content


def test_several_images_are_answered_as_a_job_whatever_accept_says(jobs: JobsClient) -> None:
    answer = jobs.post(prompt="x", n=2, headers={"Accept": "image/webp", "Prefer": "wait=60"})
    assert answer.headers["content-type"] == "application/json"
    assert [image["mime"] for image in answer.json()["images"]] == ["image/webp", "image/webp"]


def test_a_caller_that_hangs_up_stops_the_wait_and_not_the_job(narrow: Harness) -> None:
    jobs = JobsClient(narrow.client)
    narrow.engine.held_before = (0, 1)
    body = b'{"prompt": "x"}'
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=60) as caller:
        caller.sendall(
            b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nPrefer: wait=300\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        wait_until(lambda: len(jobs.page()["data"]) == 1)
        (job,) = jobs.page()["data"]
        wait_until(lambda: not can_read_events(narrow, job))
    # The server has room for one reader of events. The wait, which had it, has left it.
    wait_until(lambda: can_read_events(narrow, job))
    narrow.engine.let_go()
    wait_until(lambda: jobs.get(job)["status"] == "succeeded")


def can_read_events(server: Harness, job: dict[str, Any]) -> bool:
    with server.client.stream("GET", job["urls"]["events"]) as answer:
        return answer.status_code == 200


def test_a_job_is_accepted_where_there_is_no_room_to_wait_for_it(narrow: Harness) -> None:
    jobs = JobsClient(narrow.client)
    narrow.engine.held_before = (0, 1)
    job = jobs.create()
    with jobs.following(job) as events:
        next(events)
        answer = jobs.post(prompt="x", headers={"Prefer": "wait=60"})
    assert (answer.status_code, answer.headers.get("preference-applied")) == (202, None)


def test_a_full_queue_refuses_a_job_and_says_when_to_come_back(narrow: Harness) -> None:
    narrow.engine.phase = Phase.LOADING
    jobs = JobsClient(narrow.client)
    jobs.create()
    answer = jobs.post(prompt="x")
    assert_problem(answer, 503, "queue_full")
    assert int(answer.headers["retry-after"]) > 0
    assert len(jobs.page()["data"]) == 1


def test_jobs_are_listed_newest_first_page_by_page(jobs: JobsClient) -> None:
    made = [jobs.create(seed=seed)["id"] for seed in range(5)]
    first = jobs.page(limit=2)
    second = jobs.page(limit=2, cursor=first["next_cursor"])
    jobs.create()  # A newer job does not shift the pages that follow.
    third = jobs.page(limit=2, cursor=second["next_cursor"])
    listed = [[job["id"] for job in page["data"]] for page in (first, second, third)]
    assert listed == [made[4:2:-1], made[2:0:-1], made[:1]]
    assert third["next_cursor"] is None


def test_a_full_last_page_has_no_next_page(jobs: JobsClient) -> None:
    for _ in range(2):
        jobs.create()
    assert jobs.page(limit=2)["next_cursor"] is None


def test_a_list_cuts_long_prompts_and_the_job_has_them_whole(jobs: JobsClient) -> None:
    made = jobs.create(prompt="x" * 300)
    (listed,) = jobs.page()["data"]
    assert (listed["request"]["prompts"], listed["abridged"]) == (["x" * 200 + "…"], True)
    assert jobs.ended(listed)["request"] == made["request"]


def test_jobs_are_listed_by_status(server: Harness, jobs: JobsClient) -> None:
    ended = jobs.create()
    jobs.ended(ended)
    server.engine.phase = Phase.LOADING
    waiting = jobs.create()
    canceled = jobs.create()
    jobs.cancel(canceled)
    for status, job in {"succeeded": ended, "queued": waiting, "canceled": canceled}.items():
        assert [each["id"] for each in jobs.page(status=status)["data"]] == [job["id"]]
    assert jobs.page(status="failed")["data"] == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "status=lost", "cursor=x", "cursor=bmFu", "cursor=%00", "cursor=%FF"]
)
def test_a_query_that_is_not_valid_is_refused(jobs: JobsClient, query: str) -> None:
    assert_problem(jobs.client.get(f"{ROOT}?{query}"), 400, "invalid_value")


def test_waiting_jobs_know_how_many_jobs_go_first(server: Harness, jobs: JobsClient) -> None:
    server.engine.phase = Phase.LOADING
    batch = jobs.create(priority="batch")
    interactive = jobs.create()
    assert [jobs.get(job)["queue_position"] for job in (interactive, batch)] == [0, 1]
    assert [jobs.get(job)["status"] for job in (interactive, batch)] == ["queued", "queued"]


def test_a_waiting_job_knows_how_long_it_and_the_jobs_before_it_take(server: Harness, jobs: JobsClient) -> None:
    server.engine.phase = Phase.LOADING
    first, second = jobs.create(n=2), jobs.create(n=3)
    assert [jobs.get(job)["eta_s"] for job in (first, second)] == [2 * IMAGE_PRICE_S, 5 * IMAGE_PRICE_S]
    assert jobs.get(first)["progress"]["step"] == 0
