"""A tenant's unfinished jobs are known without a query, and allowances end with their jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import QuotaExceededError
from service.jobs.store.database import Database, database_url
from service.jobs.store.queue.tenant_queue import WaitingJob
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.tenants.accounts import TenantAccounts
from service.jobs.tenants.allowance import OpenAllowances
from service.jobs.tenants.stored_bytes import StoredBytes
from service.jobs.tenants.unfinished import UnfinishedJobs
from tests.harness.sample_jobs import make_job


class OneJob:
    """Implements `Allowance`: one unfinished job of a tenant at a time."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, int, float]] = []
        self.left: list[float | None] = []

    def enter(self, price_s: float, *, unfinished_jobs: int, ends_in_s: float) -> None:
        self.asked.append((price_s, unfinished_jobs, ends_in_s))
        if unfinished_jobs:
            raise QuotaExceededError("Too many.")

    def leave(self, used_s: float | None) -> None:
        self.left.append(used_s)


@pytest.fixture
def here() -> dict[str, str]:
    return {}


@pytest.fixture
def accounts(here: dict[str, str], tmp_path: Path) -> TenantAccounts:
    waiting, database = WaitingJobs(), Database(database_url(None, tmp_path))
    unfinished = UnfinishedJobs(waiting)
    unfinished.running_here = lambda: here
    return TenantAccounts(
        waiting=waiting,
        unfinished=unfinished,
        allowances=OpenAllowances(),
        stored=StoredBytes(database),
    )


def waiting_job(job_id: str, tenant: str) -> WaitingJob:
    return WaitingJob(1.0, job_id, 2.0, 1, 0.0, tenant, 1)


def test_waiting_jobs_and_those_that_run_here_or_elsewhere_are_unfinished(
    accounts: TenantAccounts, here: dict[str, str]
) -> None:
    accounts.waiting.add(waiting_job("w", "alice"))
    accounts.waiting.add(waiting_job("x", "bob"))
    here |= {"a": "alice", "b": "bob"}

    accounts.refresh({"a": "alice", "b": "bob", "c": "alice", "ended here": "alice"}, {"ended here": "alice"})

    assert (accounts.unfinished.of("alice"), accounts.unfinished.of("bob")) == (3, 2)
    assert accounts.unfinished.of("nobody") == 0


def test_a_job_is_admitted_with_what_is_before_it_and_left_when_it_cannot_be_recorded(
    accounts: TenantAccounts,
) -> None:
    accounts.waiting.add(waiting_job("w", "bob"))
    allowance = OneJob()

    def record() -> None:
        with accounts.admitting(make_job("j", price_s=3.0), allowance, 10.0) as admit:
            admit()
            assert len(accounts.allowances) == 1
            raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        record()

    assert allowance.asked == [(3.0, 0, 15.0)]
    assert allowance.left == [0.0]
    assert len(accounts.allowances) == 0


def test_a_refused_job_leaves_nothing_behind(accounts: TenantAccounts) -> None:
    accounts.waiting.add(waiting_job("w", "alice"))

    with pytest.raises(QuotaExceededError), accounts.admitting(make_job("j"), OneJob(), 0.0) as admit:
        admit()

    assert len(accounts.allowances) == 0


def test_only_jobs_that_nobody_has_any_more_are_left(accounts: TenantAccounts, here: dict[str, str]) -> None:
    allowances = {job: OneJob() for job in ("waiting", "here", "just ended here", "elsewhere", "ended")}
    for job, allowance in allowances.items():
        accounts.allowances.add(job, allowance)
    accounts.waiting.add(waiting_job("waiting", "alice"))
    here["here"] = "alice"

    accounts.refresh({"elsewhere": "alice"}, {"just ended here": "alice"})

    assert [job for job, allowance in allowances.items() if allowance.left] == ["ended"]
