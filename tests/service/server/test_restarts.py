"""Servers are replaced while they have jobs, one in order and one by a kill: each job is made once, and at once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.harness.http_server import wait_until
from tests.harness.server_process import running_server, stored_jobs

JOBS = 12
SLOW_ROWS = ("--row-s", "0.02")
LEASE_S = 3600
"""No test waits for it: the jobs of a dead server are taken over without."""


def has_jobs(data_dir: Path, pid: int) -> bool:
    """Returns whether the server of this process has claimed jobs."""
    return any(job.owner is not None and f"/{pid}/" in job.owner for job in stored_jobs(data_dir))


@pytest.mark.integration
def test_a_rollout_and_a_kill_fail_no_job(tmp_path: Path) -> None:
    with (
        running_server(tmp_path, *SLOW_ROWS, job_lease_s=LEASE_S) as (first, client),
        running_server(tmp_path, *SLOW_ROWS, job_lease_s=LEASE_S) as (second, _),
    ):
        for number in range(JOBS):
            body = {"prompt": f"image {number}", "num_inference_steps": 10, "width": 64, "height": 64}
            assert client.post("/api/v1/jobs", json=body).status_code == 202
        wait_until(lambda: has_jobs(tmp_path, first.pid))
        first.send_signal(signal.SIGTERM)
        wait_until(lambda: has_jobs(tmp_path, second.pid))
        second.kill()
        with running_server(tmp_path, *SLOW_ROWS, job_lease_s=LEASE_S):
            wait_until(lambda: all(job.status == "succeeded" for job in stored_jobs(tmp_path)))
        assert first.wait(timeout=120) == 0

    assert [job.images for job in stored_jobs(tmp_path)] == [1] * JOBS
