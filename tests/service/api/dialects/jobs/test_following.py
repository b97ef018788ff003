"""A job's events: what comes in which order, what a reader who comes back gets, and what ends a stream."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from service.engine.interface import Phase
from service.errors import OutOfMemoryError
from service.settings import Settings
from tests.harness.http_server import Harness, serve_in_thread, serving, wait_until
from tests.harness.jobs_client import ROOT, Event, JobsClient
from tests.service.images.reading import MADE_BY_A_MODEL, holds, source_type_in


@pytest.fixture(scope="module")
def narrow_server() -> Iterator[Harness]:
    """It has one reader of events."""
    yield from serve_in_thread(Settings(port=0, admin_port=None, max_event_streams=1))


@pytest.fixture
def narrow(narrow_server: Harness) -> Iterator[Harness]:
    narrow_server.engine.reset()
    yield narrow_server
    narrow_server.engine.let_go()
    JobsClient(narrow_server.client).delete_all()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Harness, Harness]]:
    """Two servers on one store; the second one's engine is being loaded, so that the first runs all jobs."""
    settings = Settings(port=0, admin_port=None)
    with (
        serving(settings, data_dir=tmp_path) as first,
        serving(settings, data_dir=tmp_path, phase=Phase.LOADING) as second,
    ):
        yield first, second


def indices(events: list[Event]) -> list[int]:
    """Of the images among them."""
    return [event.data["index"] for event in events if event.name == "image"]


def until(events: Iterator[Event], name: str) -> list[Event]:
    """Up to the next one of that name."""
    seen = []
    for event in events:
        seen.append(event)
        if event.name == name:
            return seen
    raise AssertionError(f"{name} never came")


def test_a_followed_job_tells_its_status_its_progress_its_images_and_its_end(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 2)
    job = jobs.create(n=2, num_inference_steps=2, seed=7)
    with jobs.following(job) as events:
        told = until(events, "progress")
        server.engine.let_go()
        told += events
    statuses = [event.data["status"] for event in told if event.name == "status"]
    assert statuses in (["queued", "running", "succeeded"], ["running", "succeeded"])
    assert told[0].name == "status"
    assert told[-1].name == "done"
    assert indices(told) == [0, 1]
    assert [event.data["seed"] for event in told if event.name == "image"] == [7, 8]
    assert told[-1].data == jobs.get(job)
    assert [event.data for event in told if event.name == "image"] == told[-1].data["images"]


def test_progress_counts_the_steps_of_all_images(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (1, 2)
    job = jobs.create(n=2, num_inference_steps=4)
    with jobs.following(job) as events:
        progress = next(event.data for event in events if event.name == "progress" and event.data["step"] == 5)
    assert progress == {"step": 5, "steps": 8, "fraction": 5 / 8, "eta_s": 3.0, "queue_position": None}


def test_a_waiting_job_tells_its_place_in_the_queue(server: Harness, jobs: JobsClient) -> None:
    server.engine.phase = Phase.LOADING
    jobs.create()
    with jobs.following(jobs.create(priority="batch")) as events:
        status, progress = next(events), next(events)
    assert (status.data, progress.data["queue_position"]) == ({"status": "queued"}, 1)


def test_ids_grow_and_the_last_one_names_the_end(server: Harness, jobs: JobsClient) -> None:
    events = jobs.events(jobs.create(n=3, num_inference_steps=3))
    ids = [tuple(map(int, event.id.split("."))) for event in events]
    assert ids == sorted(ids)
    assert ids[-1] > ids[-2]


def test_a_reader_who_comes_late_is_told_how_things_stand(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (1, 2)
    job = jobs.create(n=2, num_inference_steps=2, previews=1)
    with jobs.following(job) as events:
        next(event for event in events if event.name == "preview" and event.data["index"] == 1)
    with jobs.following(job) as events:
        told = until(events, "preview")
    assert [event.name for event in told] == ["status", "image", "progress", "preview"]
    assert told[0].data == {"status": "running"}
    assert (told[2].data["step"], told[3].data["index"]) == (3, 1)


def test_an_ended_job_tells_its_images_and_its_end(jobs: JobsClient) -> None:
    job = jobs.create(n=2)
    jobs.ended(job)
    assert [event.name for event in jobs.events(job)] == ["status", "image", "image", "done"]


def test_whoever_comes_back_after_any_event_gets_exactly_the_images_that_are_missing(jobs: JobsClient) -> None:
    job = jobs.create(n=4, num_inference_steps=2)
    told = jobs.events(job)
    for seen in range(len(told)):
        before, after = (
            told[: seen + 1],
            jobs.client.get(job["urls"]["events"], headers={"Last-Event-ID": told[seen].id}),
        )
        if told[seen].name == "done":
            assert after.status_code == 204
            continue
        again = jobs.events(job, after=told[seen].id)
        assert indices(before) + indices(again) == [0, 1, 2, 3]
        assert again[-1] == told[-1]


def test_a_reader_who_comes_back_while_the_job_runs_misses_nothing_and_gets_nothing_twice(
    server: Harness, jobs: JobsClient
) -> None:
    job, last, seen = None, None, []
    for index in range(1, 4):
        server.engine.held_before = (index, 1)
        job = job or jobs.create(n=4)
        with jobs.following(job, after=last) as events:
            told = until(events, "image")
        seen += indices(told)
        last = told[-1].id
    server.engine.let_go()
    assert job is not None
    assert seen + indices(jobs.events(job, after=last)) == [0, 1, 2, 3]


def test_images_reach_every_one_of_many_readers_once(server: Harness, jobs: JobsClient) -> None:
    """Some connect at the very moment at which an image is recorded."""
    server.engine.step_s = 0.01
    job = jobs.create(n=6, num_inference_steps=3)
    streams: list[list[Event]] = []
    while jobs.get(job)["status"] in ("queued", "running"):
        streams.append(jobs.events(job, after=streams[-1][0].id if streams else None))
    assert all(indices(stream) == list(range(6))[6 - len(indices(stream)) :] for stream in streams)


@pytest.mark.parametrize("unknown", ["x", "0.0", "99.99", "1", "-1.2", "1.1000000000"])
def test_an_id_that_is_none_of_the_jobs_begins_anew(jobs: JobsClient, unknown: str) -> None:
    job = jobs.create(n=2)
    jobs.ended(job)
    assert indices(jobs.events(job, after=unknown)) == [0, 1]


def test_after_the_last_event_there_is_nothing_to_read(jobs: JobsClient) -> None:
    job = jobs.create()
    last = jobs.events(job)[-1]
    answer = jobs.client.get(job["urls"]["events"], headers={"Last-Event-ID": last.id})
    assert (answer.status_code, answer.content) == (204, b"")


def test_previews_come_where_they_are_asked_for_marked_and_without_the_prompt(
    server: Harness, jobs: JobsClient
) -> None:
    server.engine.held_before = (0, 2)
    job = jobs.create(prompt="cAnArY7", num_inference_steps=3, previews=2)
    with jobs.following(job) as events:
        preview = until(events, "preview")[-1].data
    file = base64.b64decode(preview["b64"])
    assert (preview["index"], preview["step"], preview["mime"]) == (0, 1, "image/webp")
    assert Image.open(io.BytesIO(file)).format == "WEBP"
    assert source_type_in(file) == MADE_BY_A_MODEL
    assert not holds(file, "cAnArY7")


def test_without_previews_none_come(jobs: JobsClient) -> None:
    assert "preview" not in {event.name for event in jobs.events(jobs.create(num_inference_steps=3))}


def test_a_failed_job_says_why_before_its_end(server: Harness, jobs: JobsClient) -> None:
    server.engine.failure = OutOfMemoryError("The image does not fit into memory.")
    events = jobs.events(jobs.create())
    assert [event.name for event in events[-3:]] == ["status", "failed", "done"]
    assert events[-2].data == {
        "code": "out_of_memory",
        "message": "The image does not fit into memory.",
        "field": None,
    }
    assert events[-1].data["error"] == events[-2].data


def test_a_reader_who_saw_the_failure_but_not_the_end_is_told_both_again(server: Harness, jobs: JobsClient) -> None:
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


def test_a_stream_is_not_to_be_buffered_and_says_how_soon_to_come_back(jobs: JobsClient) -> None:
    answer = jobs.client.get(jobs.create()["urls"]["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert answer.text.startswith("retry: ")


def test_only_so_many_may_follow_and_who_leaves_makes_room(narrow: Harness, caplog: pytest.LogCaptureFixture) -> None:
    jobs = JobsClient(narrow.client)
    narrow.engine.held_before = (0, 1)
    job = jobs.create()
    with jobs.following(job) as events:
        next(events)
        answer = jobs.client.get(job["urls"]["events"])
        assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
        assert int(answer.headers["retry-after"]) > 0
    wait_until(lambda: can_follow(jobs, job["urls"]["events"]))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def can_follow(jobs: JobsClient, url: str) -> bool:
    with jobs.client.stream("GET", url) as answer:
        return answer.status_code == 200


def test_a_job_that_another_process_runs_can_be_followed_here(pair: tuple[Harness, Harness]) -> None:
    runner, onlooker = pair
    runner.engine.held_before = (1, 2)
    jobs = JobsClient(onlooker.client)
    job = jobs.create(n=2, num_inference_steps=2, previews=1)
    with jobs.following(job) as events:
        told = until(events, "preview")
        while told[-1].data["index"] == 0:
            told += until(events, "preview")
        assert ("running", 3) in {(jobs.get(job)["status"], each.data["step"]) for each in told if "steps" in each.data}
        runner.engine.let_go()
        told += events
    assert indices(told) == [0, 1]
    assert told[-1].data["status"] == "succeeded"
    assert onlooker.engine.jobs == []
    assert [jobs.client.get(image["url"]).status_code for image in told[-1].data["images"]] == [200, 200]


def test_a_job_can_be_canceled_from_another_process(pair: tuple[Harness, Harness]) -> None:
    runner, onlooker = pair
    runner.engine.held_before = (0, 2)
    jobs = JobsClient(onlooker.client)
    job = jobs.create(num_inference_steps=2)
    wait_until(lambda: jobs.get(job)["status"] == "running")
    assert jobs.cancel(job).json()["status"] == "canceled"
    wait_until(lambda: bool(runner.engine.jobs) and runner.engine.jobs[0].canceled)
    assert JobsClient(runner.client).get(job)["status"] == "canceled"
    assert runner.client.get(f"{ROOT}/{job['id']}/events").text.count("event: done") == 1
