"""A server that is told to stop gives back what it has not begun at once, and all else before it would be killed.

Its jobs, and those of a server that is killed, are made once, and at once.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import httpx2
import pytest

from service.engine.frontend.supervisor import IDLE_EXIT_S
from service.jobs.execution.runner import LAST_WRITES_S
from service.jobs.store.access.writers import CLOSE_S
from service.server.listeners import LAST_ANSWERS_S
from service.settings import Settings
from tests.harness.served.server_process import StoredJob, running_server, stored_jobs
from tests.harness.wire.http_server import wait_until

JOBS: Final = 40
SLOW_ROWS: Final = ("--row-s", "0.2")
"""Options of a worker on which a call takes longer for each row, so that the engine begins few images at a time."""
QUICK_ROWS: Final = ("--row-s", "0.02")
FEW_JOBS: Final = 12
LEASE_S: Final = 3600
"""No test waits for it: the jobs of a dead server are taken over without."""


def running_jobs(data_dir: Path) -> list[StoredJob]:
    return [job for job in stored_jobs(data_dir) if job.status == "running"]


def submit_long_jobs(client: httpx2.Client) -> None:
    for number in range(JOBS):
        body = {"prompt": f"image {number}", "num_inference_steps": 200, "width": 64, "height": 64}
        assert client.post("/api/v1/jobs", json=body).status_code == 202


@pytest.mark.integration
def test_jobs_that_are_not_begun_are_given_back_while_the_begun_ones_go_on(tmp_path: Path) -> None:
    with running_server(tmp_path, *SLOW_ROWS, drain_timeout_s=3600) as (server, client):
        submit_long_jobs(client)
        wait_until(lambda: len(running_jobs(tmp_path)) > JOBS // 2)
        wait_until(lambda: any(job.version > 1 for job in running_jobs(tmp_path)))
        claimed = len(running_jobs(tmp_path))

        server.send_signal(signal.SIGTERM)
        wait_until(lambda: 0 < len(running_jobs(tmp_path)) < claimed)
        wait_until(lambda: all(job.version > 1 for job in running_jobs(tmp_path)))
        begun = len(running_jobs(tmp_path))
        server.send_signal(signal.SIGTERM)

        assert server.wait(timeout=120) == 0
    assert 0 < begun < claimed
    assert [(job.status, job.losses) for job in stored_jobs(tmp_path)] == [("queued", 0)] * JOBS
    assert list((tmp_path / "servers").iterdir()) == []


@pytest.mark.integration
def test_jobs_that_are_not_finished_when_the_drain_ends_are_given_back_too(tmp_path: Path) -> None:
    with running_server(tmp_path, *SLOW_ROWS, drain_timeout_s=1) as (server, client):
        submit_long_jobs(client)
        wait_until(lambda: any(job.version > 1 for job in running_jobs(tmp_path)))

        server.send_signal(signal.SIGTERM)

        assert server.wait(timeout=120) == 0
    assert [(job.status, job.losses) for job in stored_jobs(tmp_path)] == [("queued", 0)] * JOBS


def test_all_limits_of_an_exit_together_leave_an_orchestrator_ten_of_its_thirty_seconds() -> None:
    after_the_drain_s = IDLE_EXIT_S + LAST_ANSWERS_S + LAST_WRITES_S + CLOSE_S

    assert Settings().drain_timeout_s + after_the_drain_s < 20
    help_text = Settings.model_fields["drain_timeout_s"].description
    assert f"exits up to {after_the_drain_s:g} seconds after this time" in str(help_text)


def has_jobs(data_dir: Path, pid: int) -> bool:
    """Returns whether the server of this process has claimed jobs."""
    return any(job.owner is not None and f"/{pid}/" in job.owner for job in stored_jobs(data_dir))


@pytest.mark.integration
def test_a_rollout_and_a_kill_fail_no_job(tmp_path: Path) -> None:
    with (
        running_server(tmp_path, *QUICK_ROWS, job_lease_s=LEASE_S) as (first, client),
        running_server(tmp_path, *QUICK_ROWS, job_lease_s=LEASE_S) as (second, _),
    ):
        for number in range(FEW_JOBS):
            body = {"prompt": f"image {number}", "num_inference_steps": 10, "width": 64, "height": 64}
            assert client.post("/api/v1/jobs", json=body).status_code == 202
        wait_until(lambda: has_jobs(tmp_path, first.pid))
        first.send_signal(signal.SIGTERM)
        wait_until(lambda: has_jobs(tmp_path, second.pid))
        second.kill()
        with running_server(tmp_path, *QUICK_ROWS, job_lease_s=LEASE_S):
            wait_until(lambda: all(job.status == "succeeded" for job in stored_jobs(tmp_path)))
        assert first.wait(timeout=120) == 0

    assert [job.images for job in stored_jobs(tmp_path)] == [1] * FEW_JOBS
