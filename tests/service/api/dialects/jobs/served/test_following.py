"""GET /api/v1/jobs/{id}/events over HTTP: readers that come late, come back or leave, and jobs of other processes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from service.engine.interface import Phase
from service.errors import OutOfMemoryError
from tests.harness.jobs_client import ROOT, Event, JobsClient
from tests.harness.wire.http_server import Harness, wait_until
from tests.service.images.reading import MADE_BY_A_MODEL, holds, source_type_in
from tests.service.serving import Serve


@pytest.fixture
def two_servers(serve: Serve, tmp_path: Path) -> Iterator[tuple[Harness, Harness]]:
    """Two servers on one store. The engine of the second is still loading, so the first runs all jobs."""
    with (
        serve(data_dir=tmp_path) as first,
        serve(data_dir=tmp_path, phase=Phase.LOADING) as second,
    ):
        yield first, second


def indices(events: list[Event]) -> list[int]:
    """Returns the indices of the images among the events."""
    return [event.data["index"] for event in events if event.name == "image"]


def until(events: Iterator[Event], name: str) -> list[Event]:
    """Returns the events up to the next one of this name."""
    seen = []
    for event in events:
        seen.append(event)
        if event.name == name:
            return seen
    raise AssertionError(f"{name} never came")


def test_a_stream_has_status_progress_images_and_the_end(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 2)
    job = jobs.create(n=2, num_inference_steps=2, seed=7)
    with jobs.following(job) as events:
        received = until(events, "progress")
        server.engine.let_go()
        received += events
    statuses = [event.data["status"] for event in received if event.name == "status"]
    assert statuses in (["queued", "running", "succeeded"], ["running", "succeeded"])
    assert received[0].name == "status"
    assert received[-1].name == "done"
    assert indices(received) == [0, 1]
    assert [event.data["seed"] for event in received if event.name == "image"] == [7, 8]
    assert received[-1].data == jobs.get(job)
    assert [event.data for event in received if event.name == "image"] == received[-1].data["images"]


def test_progress_counts_the_steps_of_all_images_together(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (1, 2)
    job = jobs.create(n=2, num_inference_steps=4)
    with jobs.following(job) as events:
        progress = next(event.data for event in events if event.name == "progress" and event.data["step"] == 5)
    assert progress == {
        "step": 5,
        "steps": 8,
        "fraction": 5 / 8,
        "eta_s": 3.0,
        "queue_position": None,
        "loading_s": None,
    }


def test_a_waiting_job_sends_its_place_in_the_queue(server: Harness, jobs: JobsClient) -> None:
    server.engine.phase = Phase.LOADING
    jobs.create()
    with jobs.following(jobs.create(priority="batch")) as events:
        status, progress = next(events), next(events)
    assert (status.data, progress.data["queue_position"]) == ({"status": "queued"}, 1)


def test_ids_of_events_only_grow(server: Harness, jobs: JobsClient) -> None:
    events = jobs.events(jobs.create(n=3, num_inference_steps=3))
    ids = [tuple(map(int, event.id.split("."))) for event in events]
    assert ids == sorted(ids)
    assert ids[-1] > ids[-2]


def test_a_reader_that_comes_late_gets_the_present_state(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (1, 2)
    job = jobs.create(n=2, num_inference_steps=2, previews=1)
    with jobs.following(job) as events:
        next(event for event in events if event.name == "preview" and event.data["index"] == 1)
    with jobs.following(job) as events:
        received = until(events, "preview")
    assert [event.name for event in received] == ["status", "image", "progress", "preview"]
    assert received[0].data == {"status": "running"}
    assert (received[2].data["step"], received[3].data["index"]) == (3, 1)


def test_the_stream_of_an_ended_job_has_its_images_and_the_end(jobs: JobsClient) -> None:
    job = jobs.create(n=2)
    jobs.ended(job)
    assert [event.name for event in jobs.events(job)] == ["status", "image", "image", "done"]


def test_a_reader_that_comes_back_after_any_event_gets_exactly_the_images_it_misses(jobs: JobsClient) -> None:
    job = jobs.create(n=4, num_inference_steps=2)
    received = jobs.events(job)
    for seen in range(len(received)):
        before, after = (
            received[: seen + 1],
            jobs.client.get(job["urls"]["events"], headers={"Last-Event-ID": received[seen].id}),
        )
        if received[seen].name == "done":
            assert after.status_code == 204
            continue
        again = jobs.events(job, after=received[seen].id)
        assert indices(before) + indices(again) == [0, 1, 2, 3]
        assert again[-1] == received[-1]


def test_a_reader_that_comes_back_while_the_job_runs_gets_each_image_once(server: Harness, jobs: JobsClient) -> None:
    job, last, seen = None, None, []
    for index in range(1, 4):
        server.engine.held_before = (index, 1)
        job = job or jobs.create(n=4)
        with jobs.following(job, after=last) as events:
            received = until(events, "image")
        seen += indices(received)
        last = received[-1].id
    server.engine.let_go()
    assert job is not None
    assert seen + indices(jobs.events(job, after=last)) == [0, 1, 2, 3]


def test_each_of_many_readers_gets_each_image_once(server: Harness, jobs: JobsClient) -> None:
    """Some readers connect at the moment at which an image is recorded."""
    server.engine.step_s = 0.01
    job = jobs.create(n=6, num_inference_steps=3)
    streams: list[list[Event]] = []
    while jobs.get(job)["status"] in ("queued", "running"):
        streams.append(jobs.events(job, after=streams[-1][0].id if streams else None))
    assert all(indices(stream) == list(range(6))[6 - len(indices(stream)) :] for stream in streams)


@pytest.mark.parametrize("unknown", ["x", "0.0", "99.99", "1", "-1.2", "1.1000000000"])
def test_an_unknown_event_id_starts_the_stream_over(jobs: JobsClient, unknown: str) -> None:
    job = jobs.create(n=2)
    jobs.ended(job)
    assert indices(jobs.events(job, after=unknown)) == [0, 1]


def test_after_the_last_event_there_is_no_content(jobs: JobsClient) -> None:
    job = jobs.create()
    last = jobs.events(job)[-1]
    answer = jobs.client.get(job["urls"]["events"], headers={"Last-Event-ID": last.id})
    assert (answer.status_code, answer.content) == (204, b"")


def test_previews_are_marked_as_made_by_a_model_and_do_not_hold_the_prompt(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 2)
    job = jobs.create(prompt="cAnArY7", num_inference_steps=3, previews=2)
    with jobs.following(job) as events:
        preview = until(events, "preview")[-1].data
    file = base64.b64decode(preview["b64"])
    assert (preview["index"], preview["step"], preview["mime"]) == (0, 1, "image/webp")
    assert Image.open(io.BytesIO(file)).format == "WEBP"
    assert source_type_in(file) == MADE_BY_A_MODEL
    assert not holds(file, "cAnArY7")


def test_a_job_without_previews_sends_none(jobs: JobsClient) -> None:
    assert "preview" not in {event.name for event in jobs.events(jobs.create(num_inference_steps=3))}


def test_a_failed_job_sends_its_error_before_the_end(server: Harness, jobs: JobsClient) -> None:
    server.engine.failure = OutOfMemoryError("The image does not fit into memory.")
    events = jobs.events(jobs.create())
    assert [event.name for event in events[-3:]] == ["status", "failed", "done"]
    assert events[-2].data == {
        "code": "out_of_memory",
        "message": "The image does not fit into memory.",
        "field": None,
    }
    assert events[-1].data["error"] == events[-2].data


def test_a_reader_that_saw_the_failure_but_not_the_end_gets_both_again(server: Harness, jobs: JobsClient) -> None:
    server.engine.failure = OutOfMemoryError("The image does not fit into memory.")
    job = jobs.create()
    failed = jobs.events(job)[-2]
    assert [event.name for event in jobs.events(job, after=failed.id)] == ["status", "failed", "done"]


def test_a_canceled_job_ends_its_stream(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 1)
    job = jobs.create()
    with jobs.following(job) as events:
        next(events)
        jobs.cancel(job)
        assert [event.name for event in events][-1] == "done"
    assert jobs.events(job)[0].data == {"status": "canceled"}


def test_a_deleted_job_ends_its_stream_as_gone(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 1)
    job = jobs.create()
    with jobs.following(job) as events:
        until(events, "progress")
        jobs.delete(job)
        last = list(events)[-1]
    assert (last.name, last.data) == ("failed", {"code": "gone", "message": "The job was deleted.", "field": None})


def test_a_stream_forbids_buffering_and_says_how_soon_to_come_back(jobs: JobsClient) -> None:
    answer = jobs.client.get(jobs.create()["urls"]["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert answer.text.startswith("retry: ")


def test_readers_are_limited_and_one_that_leaves_makes_room(narrow: Harness, caplog: pytest.LogCaptureFixture) -> None:
    jobs = JobsClient(narrow.client)
    narrow.engine.held_before = (0, 1)
    job = jobs.create()
    with jobs.following(job) as events:
        next(events)
        answer = jobs.client.get(job["urls"]["events"])
        assert (answer.status_code, answer.json()["code"]) == (503, "queue_full")
        assert int(answer.headers["retry-after"]) > 0
    wait_until(lambda: can_follow(jobs, job["urls"]["events"]))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_readers_of_one_tenant_are_limited(serve: Serve) -> None:
    with serve(max_event_streams_per_tenant=1, phase=Phase.LOADING) as server:
        jobs = JobsClient(server.client)
        job = jobs.create()
        with jobs.following(job) as events:
            next(events)
            answer = jobs.client.get(job["urls"]["events"])
    assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
    assert int(answer.headers["retry-after"]) > 0


def test_a_server_that_stops_tells_its_readers_to_come_back(serve: Serve) -> None:
    with serve(phase=Phase.LOADING) as server:
        jobs = JobsClient(server.client)
        with jobs.following(jobs.create()) as events:
            next(events)
            server.stop_engine()
            last = list(events)[-1]
    assert (last.name, last.id) == ("closing", "0.1")
    assert last.data == {"message": "The server is shutting down. The job goes on.", "retry_after_s": 2.0}


def can_follow(jobs: JobsClient, url: str) -> bool:
    with jobs.client.stream("GET", url) as answer:
        return answer.status_code == 200


def test_a_job_that_another_process_runs_can_be_followed(two_servers: tuple[Harness, Harness]) -> None:
    runner, observer = two_servers
    runner.engine.held_before = (1, 2)
    jobs = JobsClient(observer.client)
    job = jobs.create(n=2, num_inference_steps=2, previews=1)
    with jobs.following(job) as events:
        received = until(events, "preview")
        while received[-1].data["index"] == 0:
            received += until(events, "preview")
        assert ("running", 3) in {
            (jobs.get(job)["status"], each.data["step"]) for each in received if "steps" in each.data
        }
        runner.engine.let_go()
        received += events
    assert indices(received) == [0, 1]
    assert received[-1].data["status"] == "succeeded"
    assert observer.engine.jobs == []
    assert [jobs.client.get(image["url"]).status_code for image in received[-1].data["images"]] == [200, 200]


def test_a_job_can_be_canceled_from_another_process(two_servers: tuple[Harness, Harness]) -> None:
    runner, observer = two_servers
    runner.engine.held_before = (0, 2)
    jobs = JobsClient(observer.client)
    job = jobs.create(num_inference_steps=2)
    wait_until(lambda: jobs.get(job)["status"] == "running")
    assert jobs.cancel(job).json()["status"] == "canceled"
    wait_until(lambda: bool(runner.engine.jobs) and runner.engine.jobs[0].canceled)
    assert JobsClient(runner.client).get(job)["status"] == "canceled"
    assert runner.client.get(f"{ROOT}/{job['id']}/events").text.count("event: done") == 1
