"""Jobs end as their holder reports, or fail when they are claimed after their deadline or cannot be read."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from service.jobs.records import JobFailure, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.store.tables import jobs
from tests.harness.sample_jobs import (
    KEEP_S,
    LIVE,
    accept,
    claim_one,
    make_job,
    replace_spec,
)


async def test_a_job_whose_deadline_has_passed_fails_without_being_run(
    repository: JobRepository, claims: JobClaims
) -> None:
    await repository.create(job := make_job(deadline_s=5.0), now=10.0)

    assert await claims.claim("one", now=15.0, limit=9) == []

    record = await repository.get(job.id, "alice")
    assert (record.status, record.completed_at) == (Status.FAILED, 15.0)
    assert record.failure is not None
    assert record.failure.code == "deadline_exceeded"


async def test_a_job_is_claimed_until_its_deadline(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(deadline_s=5.0), now=10.0)

    assert (await claim_one(claims, now=14.9)).job_id == job.id


async def test_expired_jobs_do_not_block_the_jobs_behind_them(repository: JobRepository, claims: JobClaims) -> None:
    late = [make_job(deadline_s=1.0) for _ in range(3)]
    for job in (*late, in_time := make_job()):
        await repository.create(job, now=0.0)

    assert (await claim_one(claims, now=2.0)).job_id == in_time.id
    assert {(await repository.get(job.id, "alice")).status for job in late} == {Status.FAILED}


async def test_a_job_ends_as_its_holder_reports(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    claim = await claim_one(claims)
    await claims.heartbeat({claim: LIVE}, now=0.0)
    failure = JobFailure("invalid_value", "No such sampler.", "sampler")

    await claims.finish(claim, Status.FAILED, version=9, now=3.0, failure=failure)

    record = await repository.get(job_id, "alice")
    assert (record.status, record.failure, record.version) == (Status.FAILED, failure, 9)
    assert (record.completed_at, record.expires_at, record.preview) == (3.0, 3.0 + KEEP_S, None)
    assert await claims.claim("two", now=1e9, limit=9) == []


@pytest.mark.parametrize("limit", [1, 9])
async def test_a_job_that_this_version_cannot_read_fails_alone(
    repository: JobRepository, claims: JobClaims, database: Database, limit: int
) -> None:
    unreadable, next_up = await accept(repository, 2)
    await replace_spec(database, unreadable, b'{"version":99}')

    taken = await claims.claim("one", now=5.0, limit=limit)

    assert [claim.job_id for claim in taken] == [next_up]
    failed = select(jobs).where(jobs.c.id == unreadable)
    row = await database.read(lambda connection: connection.execute(failed).one())
    assert (row.status, row.completed_at, row.lease_owner) == (Status.FAILED, 5.0, None)
    assert b"newer version of Darkroom" in row.failure
