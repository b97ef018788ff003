"""After a server is killed in mid-job, the next one repeats at most the steps between two checkpoints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.harness.bundled_server import BundledServer, free_port
from tests.harness.jobs_client import Event, JobsClient

pytestmark = pytest.mark.timeout(900)

EVERY = 5
STEPS = 30
SEEN = 2 * EVERY + 2
"""Steps that a reader has been told of when the server is killed."""
OPTIONS = ("--checkpoint-steps", str(EVERY), "--job-lease-s", "2", "--warm-up-s", "0.001")


def steps_in(event: Event) -> int:
    step: int = event.data["step"] if event.name == "progress" else 0
    return step


def updates_made(admin_port: int) -> int:
    """Returns the number of sampler updates that the server has made, by its metrics."""
    page = httpx2.get(f"http://127.0.0.1:{admin_port}/metrics").text
    found = re.search(r"^darkroom_sampler_update_seconds_count (\S+)$", page, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


def image_of(client: JobsClient, job: dict[str, Any]) -> bytes:
    """Waits for the job, and returns its image file."""
    client.ended(job)
    answer = client.client.get(f"{job['urls']['self']}/images/0")
    assert answer.status_code == 200, answer.text
    return answer.content


def run_until_killed(data_dir: Path, request: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Returns the job, and the last step of it that its reader was told of before the server was killed."""
    server = BundledServer(data_dir, *OPTIONS)
    client = JobsClient(server.client)
    job = client.create(**request)
    with client.following(job) as events:
        seen = next(step for step in map(steps_in, events) if step >= SEEN)
        server.process.kill()
    server.stop()
    return job, seen


def test_a_killed_job_is_resumed_and_its_image_is_the_same_to_the_byte(tmp_path: Path) -> None:
    request: dict[str, Any] = {
        "prompt": "a red circle",
        "seed": 5,
        "num_inference_steps": STEPS,
        "sampler": "dpm++_2m_sde",
    }
    job, seen = run_until_killed(tmp_path, request)
    assert len(list(tmp_path.glob("checkpoints/??/*/0.checkpoint"))) == 1

    admin_port = free_port()
    server = BundledServer(tmp_path, *OPTIONS, "--admin-port", str(admin_port))
    try:
        client = JobsClient(server.client)
        steps = [steps_in(event) for event in client.events(job)]
        made = updates_made(admin_port)
        resumed_at = min(step for step in steps if step)
        assert resumed_at % EVERY == 0
        assert resumed_at > seen - EVERY
        assert made == STEPS - resumed_at

        whole = client.create(**request)
        assert image_of(client, job) == image_of(client, whole)
        assert not list(tmp_path.glob(f"checkpoints/??/{job['id']}/*"))
    finally:
        server.stop()
