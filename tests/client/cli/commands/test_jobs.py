"""`darkroom jobs`, with a real server around the fake engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darkroom import Darkroom, Job
from darkroom.cli.statuses import Status
from service.errors import GenerationFailedError
from tests.harness.command import Command
from tests.harness.wire.http_server import Harness

pytestmark = pytest.mark.integration


def submit(server: Harness, *, held: bool = False) -> Job:
    """Submit a job. One that is held does not end by itself."""
    server.engine.held_before = (0, 1) if held else None
    with Darkroom(base_url=server.url) as client:
        job = client.jobs.submit(prompt="a red circle", seed=7, steps=2)
        return job if held else job.wait()


def test_jobs_are_listed_newest_first(command: Command, server: Harness) -> None:
    ids = [submit(server).id for _ in range(3)]
    outcome = command("jobs", "list", "--limit", "2", "--server", server.url)
    header, *rows = outcome.out.splitlines()
    assert header.split() == ["ID", "STATUS", "DONE", "IMAGES", "CREATED", "PROMPT"]
    assert [row.split()[:3] for row in rows] == [[job_id, "succeeded", "100%"] for job_id in ids[:0:-1]]


def test_jobs_of_a_status_are_listed_as_json(command: Command, server: Harness) -> None:
    submit(server)
    outcome = command("jobs", "list", "--status", "failed", "--json", "--server", server.url)
    assert json.loads(outcome.out) == {"jobs": []}


def test_a_job_is_shown(command: Command, server: Harness) -> None:
    job = submit(server)
    out = command("jobs", "show", job.id, "--server", server.url).out
    assert {"succeeded", job.id, job.images[0].url} <= set(out.split())
    assert json.loads(command("jobs", "show", job.id, "--json", "--server", server.url).out)["seeds"] == [7]


def test_a_job_is_followed_and_its_images_saved(command: Command, server: Harness) -> None:
    job = submit(server)
    outcome = command("jobs", "watch", job.id, "-o", "images", "--server", server.url)
    assert (outcome.status, outcome.out) == (0, f"images/{job.id}-0.png  (seed 7)\n")
    assert Path(f"images/{job.id}-0.png").read_bytes() == server.client.get(job.images[0].url).content


def test_the_events_of_a_job_are_lines_of_json(command: Command, server: Harness) -> None:
    job = submit(server)
    lines = command("jobs", "watch", job.id, "--json", "--server", server.url).out.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[-1]["type"] == "done"
    assert [event["seed"] for event in events if event["type"] == "image"] == [7]


def test_a_failed_job_fails_the_command_that_follows_it(command: Command, server: Harness) -> None:
    server.engine.failure = GenerationFailedError("It failed.")
    outcome = command("jobs", "watch", submit(server).id, "--server", server.url)
    assert (outcome.status, outcome.err) == (Status.FAILED, "Error: It failed.\n")


def test_a_job_is_canceled(command: Command, server: Harness) -> None:
    job = submit(server, held=True)
    assert command("jobs", "cancel", job.id, "--server", server.url).out == f"{job.id}  canceled\n"
    watched = command("jobs", "watch", job.id, "--server", server.url)
    assert watched.status == Status.CANCELED
    again = command("jobs", "cancel", job.id, "--json", "--server", server.url)
    assert json.loads(again.out)["jobs"][0]["status"] == "canceled"


def test_jobs_are_deleted(command: Command, server: Harness) -> None:
    first, second = submit(server), submit(server)
    assert command("jobs", "delete", first.id, "--server", server.url).out == f"{first.id}  deleted\n"
    assert json.loads(command("jobs", "delete", second.id, "--json", "--server", server.url).out) == {
        "deleted": [second.id]
    }
    outcome = command("jobs", "show", first.id, "--server", server.url)
    assert (outcome.status, outcome.err.count("\n")) == (Status.NOT_FOUND, 1)


@pytest.mark.parametrize("arguments", [("show", "x"), ("watch", "x"), ("cancel", "x"), ("delete", "x")], ids=" ".join)
def test_a_job_that_there_is_not_is_reported(command: Command, server: Harness, arguments: tuple[str, ...]) -> None:
    outcome = command("jobs", *arguments, "--server", server.url)
    assert outcome.status == Status.NOT_FOUND
    assert outcome.err == "Error: There is no job x; `darkroom jobs list` shows yours.\n"


def test_a_server_that_does_not_answer_is_reported_at_once(command: Command) -> None:
    outcome = command("jobs", "list", "--server", "http://127.0.0.1:1")
    assert (outcome.status, outcome.err.count("\n")) == (Status.UNREACHABLE, 1)
