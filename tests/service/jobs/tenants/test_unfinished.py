"""The unfinished jobs of a tenant wait, run here, or run elsewhere."""

from __future__ import annotations

from service.jobs.store.queue.tenant_queue import WaitingJob
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.tenants.unfinished import UnfinishedJobs


def waiting_for(*tenants: str) -> WaitingJobs:
    waiting = WaitingJobs()
    for number, tenant in enumerate(tenants):
        waiting.add(WaitingJob(float(number), f"job_{number}", 1.0, 10, 0.0, tenant, 1))
    return waiting


def test_waiting_jobs_and_those_of_this_and_of_other_processes_count() -> None:
    unfinished = UnfinishedJobs(waiting_for("alice", "alice", "bob"))
    unfinished.running_here = lambda: {"job_7": "alice", "job_8": "bob"}
    unfinished.replace_elsewhere({"job_9": "alice", "job_10": "carol"})

    assert [unfinished.of(tenant) for tenant in ("alice", "bob", "carol", "dave")] == [4, 2, 1, 0]


def test_jobs_of_other_processes_count_until_the_next_refresh() -> None:
    unfinished = UnfinishedJobs(waiting_for())
    unfinished.replace_elsewhere({"job_9": "alice"})
    unfinished.replace_elsewhere({})

    assert unfinished.of("alice") == 0
