"""GET /api/v1/events over HTTP is one stream for several jobs."""

from __future__ import annotations

from typing import Any

import pytest

from service.engine.interface import Phase
from tests.harness.jobs_client import Event, JobsClient, assert_problem, events_in
from tests.harness.wire.http_server import Harness
from tests.service.serving import Serve

ROOT = "/api/v1/events"
UNKNOWN = "job_" + "a" * 26


def follow(server: Harness, *jobs: str) -> list[Event]:
    with server.client.stream("GET", ROOT, params={"job": list(jobs)}) as answer:
        assert answer.status_code == 200, answer.read()
        return list(events_in(answer.iter_lines()))


def ended(events: list[Event]) -> dict[str, dict[str, Any]]:
    return {event.data["job_id"]: event.data["data"] for event in events if event.name == "done"}


def test_one_stream_tells_of_all_jobs_until_each_has_ended(server: Harness, jobs: JobsClient) -> None:
    ids = [jobs.create(seed=seed)["id"] for seed in (1, 2)]
    events = follow(server, *ids)
    assert {job_id: job["status"] for job_id, job in ended(events).items()} == dict.fromkeys(ids, "succeeded")
    assert {event.data["data"]["seed"] for event in events if event.name == "image"} == {1, 2}


def test_a_reader_that_comes_back_gets_only_what_it_has_not_seen(server: Harness, jobs: JobsClient) -> None:
    done, other = (jobs.ended(jobs.create(seed=seed)) for seed in (1, 2))
    (last,) = (event.id for event in follow(server, done["id"]) if event.name == "done")
    events = follow(server, last, other["id"])
    assert set(ended(events)) == {other["id"]}
    assert server.client.get(ROOT, params={"job": last}).status_code == 204


def test_a_job_that_is_not_there_is_told_among_the_others(server: Harness, jobs: JobsClient) -> None:
    job = jobs.ended(jobs.create())
    events = follow(server, job["id"], UNKNOWN, f"{UNKNOWN[:-1]}b@1.1")
    failed = {event.data["job_id"]: event.data["data"]["code"] for event in events if event.name == "failed"}
    assert failed == dict.fromkeys([UNKNOWN, f"{UNKNOWN[:-1]}b"], "gone")
    assert set(ended(events)) == {job["id"]}


def test_a_stream_counts_once_however_many_jobs_it_follows(serve: Serve) -> None:
    with serve(max_event_streams=1, phase=Phase.LOADING) as server:
        jobs = JobsClient(server.client)
        ids = [jobs.create()["id"] for _ in range(2)]
        with server.client.stream("GET", ROOT, params={"job": ids}) as answer:
            events = events_in(answer.iter_lines())
            followed = {next(events).data["job_id"] for _ in range(4)}
            refused = server.client.get(ROOT, params={"job": ids})
    assert followed == set(ids)
    assert_problem(refused, 503, "queue_full")
    assert int(refused.headers["retry-after"]) > 0


def test_each_job_that_has_not_ended_tells_that_the_server_stops(serve: Serve) -> None:
    with serve(phase=Phase.LOADING) as server:
        jobs = JobsClient(server.client)
        ids = [jobs.create()["id"] for _ in range(2)]
        with server.client.stream("GET", ROOT, params={"job": ids}) as answer:
            events = events_in(answer.iter_lines())
            received = [next(events)]
            server.stop_engine()
            received += events
    closing = {event.id: event.data["data"]["retry_after_s"] for event in received if event.name == "closing"}
    assert closing == {f"{job_id}@0.1": 2.0 for job_id in ids}


@pytest.mark.parametrize("query", ["", "job=x", f"job={UNKNOWN}@1", "&".join([f"job={UNKNOWN}"] * 33)])
def test_a_stream_of_no_jobs_of_too_many_or_of_none_that_could_be_is_refused(server: Harness, query: str) -> None:
    assert_problem(server.client.get(f"{ROOT}?{query}"), 400, "invalid_value")
