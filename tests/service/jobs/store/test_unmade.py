"""The store tells of each job that ends there, since no process that makes it can."""

from __future__ import annotations

import pytest

from service.jobs.records import Status, UnmadeJob
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.queue.losses import MAX_LOSSES
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import (
    CLAIM_POLICY,
    REPOSITORY_POLICY,
    accept,
    claim_one,
    lose,
    make_job,
    replace_spec,
)


@pytest.fixture
def told() -> list[UnmadeJob]:
    return []


@pytest.fixture
def repository(database: Database, waiting: WaitingJobs, told: list[UnmadeJob]) -> JobRepository:
    return JobRepository(database, REPOSITORY_POLICY, waiting, told.append)


@pytest.fixture
def claims(database: Database, waiting: WaitingJobs, told: list[UnmadeJob]) -> JobClaims:
    return JobClaims(database, CLAIM_POLICY, waiting, on_unmade=told.append)


async def test_a_job_that_is_canceled_or_deleted_while_it_waits_is_told_of_once(
    repository: JobRepository, told: list[UnmadeJob]
) -> None:
    canceled, deleted = await accept(repository, 2)
    record = await repository.cancel(canceled, "alice", now=1.0)
    await repository.cancel(canceled, "alice", now=2.0)
    await repository.delete(canceled, "alice")
    assert await repository.delete(deleted, "alice")

    assert [(job.id, job.tenant, job.outcome, job.code) for job in told] == [
        (canceled, "alice", Status.CANCELED, "canceled"),
        (deleted, "alice", Status.CANCELED, "canceled"),
    ]
    assert (told[0].spec, told[0].created_at, told[0].attempt) == (record.spec, record.created_at, record.attempt)


async def test_a_job_that_a_process_has_is_that_process_to_tell_of(
    repository: JobRepository, claims: JobClaims, told: list[UnmadeJob]
) -> None:
    canceled, deleted = await accept(repository, 2)
    for _ in range(2):
        await claim_one(claims)
    await repository.cancel(canceled, "alice", now=1.0)
    await repository.delete(deleted, "alice")

    assert told == []


async def test_a_job_that_waited_again_waits(
    repository: JobRepository, claims: JobClaims, told: list[UnmadeJob]
) -> None:
    (job_id,) = await accept(repository)
    await claims.release(await claim_one(claims))
    await repository.cancel(job_id, "alice", now=1.0)

    assert [(job.id, job.attempt) for job in told] == [(job_id, 3)]


async def test_jobs_that_are_too_late_or_unreadable_are_told_of_when_they_would_be_claimed(
    repository: JobRepository, claims: JobClaims, database: Database, told: list[UnmadeJob]
) -> None:
    late = make_job(deadline_s=1.0)
    await repository.create(late, now=0.0)
    (unreadable,) = await accept(repository)
    await replace_spec(database, unreadable, b"{}")

    assert await claims.claim("one", now=5.0, limit=9) == []
    assert [(job.id, job.outcome, job.code, job.spec) for job in told] == [
        (late.id, Status.FAILED, "deadline_exceeded", late.spec),
        (unreadable, Status.FAILED, "internal_error", None),
    ]


async def test_a_job_that_was_lost_too_often_is_told_of(
    repository: JobRepository, claims: JobClaims, told: list[UnmadeJob]
) -> None:
    (job_id,) = await accept(repository)
    now = await lose(claims, MAX_LOSSES)

    assert await claims.claim("next", now=now, limit=9) == []
    assert [(job.id, job.outcome, job.code) for job in told] == [(job_id, Status.FAILED, "poisoned")]
