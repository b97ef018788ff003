"""While the database is locked or a folder cannot be written to, requests are answered 503 and no job is lost."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.harness.jobs_client import JobsClient
from tests.harness.wire.http_server import Harness, wait_until


@contextlib.contextmanager
def locked_database(server: Harness) -> Iterator[None]:
    """Locks the database for the duration of the block, as another program could."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "jobs.sqlite3", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def file_instead_of(folder: Path) -> Iterator[None]:
    """Puts a file in the place of the folder, so that nothing can be written into it."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.touch()
    yield
    folder.unlink()
    aside.rename(folder)


def readiness(server: Harness) -> tuple[int, str]:
    answer = server.client.get("/readyz")
    return answer.status_code, answer.json()["store"]


def assert_unavailable(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.fixture(autouse=True)
def ready_before_and_after(server: Harness, jobs: JobsClient) -> Iterator[None]:
    yield
    server.engine.let_go()
    wait_until(lambda: readiness(server) == (200, "available"))


def test_a_locked_database_refuses_jobs_until_the_lock_is_gone(server: Harness, jobs: JobsClient) -> None:
    earlier = jobs.create()
    jobs.ended(earlier)
    with locked_database(server):
        assert_unavailable(jobs.post(prompt="x"))
        assert readiness(server) == (503, "unavailable")
        assert jobs.get(earlier)["status"] == "succeeded"
        assert readiness(server) == (503, "unavailable")
        assert_unavailable(jobs.delete(earlier))
    wait_until(lambda: readiness(server) == (200, "available"))
    assert jobs.ended(jobs.create())["status"] == "succeeded"


def test_readiness_notices_a_locked_database_before_any_caller_does(server: Harness) -> None:
    with locked_database(server):
        wait_until(lambda: readiness(server) == (503, "unavailable"))
    wait_until(lambda: readiness(server) == (200, "available"))


def test_a_job_that_meets_a_locked_database_is_finished_when_the_lock_is_gone(
    server: Harness, jobs: JobsClient
) -> None:
    server.engine.held_before = (1, 1)
    job = jobs.create(n=2)
    with jobs.following(job) as events:
        next(event for event in events if event.name == "image")
        with locked_database(server):
            server.engine.let_go()
            wait_until(lambda: readiness(server) == (503, "unavailable"))
            wait_until(lambda: server.engine.idle)
        last = list(events)[-1]
    assert (last.name, last.data["status"]) == ("done", "succeeded")
    assert [image["index"] for image in last.data["images"]] == [0, 1]
    retried = [image.seed for made in server.engine.jobs[1:] for image in made.images]
    assert set(retried) == {job["seeds"][1]}, "a stored image is not made again"


def test_a_job_whose_images_cannot_be_stored_waits_until_they_can(server: Harness, jobs: JobsClient) -> None:
    server.engine.held_before = (0, 1)
    job = jobs.create(n=2)
    wait_until(lambda: server.engine.running == 1)
    (server.data_dir / "images").mkdir(exist_ok=True)
    with file_instead_of(server.data_dir / "images"):
        server.engine.let_go()
        wait_until(lambda: readiness(server) == (503, "unavailable"))
        wait_until(lambda: jobs.get(job)["status"] == "queued")
        assert jobs.get(job)["error"] is None
    ended = jobs.ended(job)
    assert ended["status"] == "succeeded"
    assert [jobs.client.get(image["url"]).status_code for image in ended["images"]] == [200, 200]


def test_images_that_cannot_be_read_now_are_unavailable_and_not_gone(server: Harness, jobs: JobsClient) -> None:
    image = jobs.ended(jobs.create())["images"][0]
    with file_instead_of(server.data_dir / "images"):
        for path in (image["url"], image["thumbnail_url"]):
            assert_unavailable(jobs.client.get(path))
    assert jobs.client.get(image["url"]).status_code == 200


def test_v1_gives_no_url_of_an_image_that_it_cannot_store(server: Harness, jobs: JobsClient) -> None:
    (server.data_dir / "images").mkdir(exist_ok=True)
    with file_instead_of(server.data_dir / "images"):
        answer = server.post(prompt="x", steps=1, response_format="url")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
    assert server.post(prompt="x", steps=1, response_format="url").status_code == 200
