"""Who may run a job, for how long, and how it ends."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from service.errors import NotFoundError
from service.jobs.records import Claim, JobFailure, LiveState, Status
from service.jobs.store.claims import MAX_LOSSES, JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.store.tables import jobs
from tests.harness.sample_jobs import (
    CLAIM_POLICY,
    KEEP_S,
    LEASE_S,
    LIVE,
    accept,
    claim_one,
    lose,
    make_image,
    make_job,
    replace_spec,
)
from tests.service.jobs.conftest import Connect


async def test_jobs_are_claimed_in_order_of_their_deadlines(repository: JobRepository, claims: JobClaims) -> None:
    accepted = {
        virtual_deadline_at: make_job(virtual_deadline_at=virtual_deadline_at)
        for virtual_deadline_at in (3.0, 1.0, 4.0, 2.0)
    }
    for job in accepted.values():
        await repository.create(job, now=0.0)

    first = await claims.claim("one", now=0.0, limit=2)
    rest = await claims.claim("one", now=0.0, limit=9)

    assert [claim.job_id for claim in first + rest] == [
        accepted[virtual_deadline_at].id for virtual_deadline_at in (1.0, 2.0, 3.0, 4.0)
    ]
    assert len(first) == 2


async def test_a_claim_says_what_is_to_be_made_and_starts_the_job(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(images=2), now=5.0)

    claim = await claim_one(claims, now=7.0)

    assert claim == Claim(job.id, 1, "alice", job.spec, 5.0, frozenset())
    record = await repository.get(job.id, "alice")
    assert (record.status, record.attempt, record.started_at) == (Status.RUNNING, 1, 7.0)


async def test_what_one_process_has_another_does_not_get(repository: JobRepository, claims: JobClaims) -> None:
    await accept(repository)
    await claim_one(claims, "one", now=0.0)

    assert await claims.claim("two", now=LEASE_S, limit=9) == []


async def test_twenty_claims_at_once_give_each_job_once(repository: JobRepository, connect: Connect) -> None:
    waiting = await accept(repository, 20)
    by_owner = {"one": JobClaims(connect(), CLAIM_POLICY), "two": JobClaims(connect(), CLAIM_POLICY)}

    rounds = await asyncio.gather(
        *(claims.claim(owner, now=0.0, limit=1) for _ in range(10) for owner, claims in by_owner.items())
    )

    claimed = [claim.job_id for taken in rounds for claim in taken]
    assert sorted(claimed) == sorted(waiting)


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_claim_takes_no_more_than_asked_for_though_postgresql_thinks_that_hardly_any_jobs_wait(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    # In a table of one page that it takes for one row, it would look for a free job anew at each job it comes to.
    async with database.writing() as connection:
        await connection.execute(text("TRUNCATE jobs CASCADE"))
    await accept(repository)
    async with database.writing() as connection:
        await connection.execute(text("ANALYZE jobs"))
    await accept(repository, 5)

    assert len(await claims.claim("one", now=0.0, limit=1)) == 1


async def test_after_the_lease_another_process_takes_the_job_over(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    first = await claim_one(claims, "one", now=0.0)
    second = await claim_one(claims, "two", now=LEASE_S + 1)

    assert second.job_id == first.job_id == job_id
    assert second.attempt > first.attempt
    assert (await repository.get(job_id, "alice")).started_at == 0.0, "it was begun when it was first begun"


async def test_nobody_takes_a_job_over_from_himself(repository: JobRepository, claims: JobClaims) -> None:
    await accept(repository)
    claim = await claim_one(claims, "one", now=0.0)

    assert await claims.claim("one", now=LEASE_S + 1, limit=9) == []
    assert await claims.heartbeat({claim: LIVE}, now=LEASE_S + 1) == set()


async def test_a_process_takes_up_what_it_has_by_the_record_alone_as_no_loss(
    repository: JobRepository, claims: JobClaims
) -> None:
    forgotten, held = await accept(repository, 2)
    for number in range(MAX_LOSSES + 1):
        await claims.claim("one", now=number * (LEASE_S + 1), limit=1 if number else 2, held={held: "running"})

    now = (MAX_LOSSES + 1) * (LEASE_S + 1)
    (claim,) = await claims.claim("one", now=now, limit=9, held={held: "running"})

    assert (claim.job_id, claim.attempt) == (forgotten, MAX_LOSSES + 2)
    (claim,) = await claims.claim("one", now=now + LEASE_S, limit=9, held=())
    assert (claim.job_id, claim.attempt) == (held, 2)


async def test_a_heartbeat_extends_the_lease(repository: JobRepository, claims: JobClaims) -> None:
    await accept(repository)
    claim = await claim_one(claims, "one", now=0.0)

    await claims.heartbeat({claim: LIVE}, now=LEASE_S)

    assert await claims.claim("two", now=2 * LEASE_S, limit=9) == []
    assert len(await claims.claim("two", now=2 * LEASE_S + 1, limit=9)) == 1


async def test_a_heartbeat_records_how_far_a_job_is(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    claim = await claim_one(claims)

    await claims.heartbeat({claim: LIVE}, now=1.0)

    record = await repository.get(job_id, "alice")
    assert LiveState(record.version, record.progress, record.preview) == LIVE


async def test_a_heartbeat_that_was_overtaken_by_an_image_does_not_turn_the_version_back(
    repository: JobRepository, claims: JobClaims
) -> None:
    (job_id,) = await accept(repository)
    claim = await claim_one(claims)
    await claims.add_image(claim, make_image(version=4))

    await claims.heartbeat({claim: LIVE}, now=1.0)

    assert (await repository.get(job_id, "alice")).version == 4


async def test_a_heartbeat_tells_which_claims_are_lost(repository: JobRepository, claims: JobClaims) -> None:
    canceled, deleted, taken, held = await accept(repository, 4)
    by_job = {claim.job_id: claim for claim in await claims.claim("one", now=0.0, limit=9)}
    await repository.cancel(canceled, "alice", now=1.0)
    await repository.delete(deleted, "alice")
    await claims.heartbeat({by_job[held]: LIVE}, now=LEASE_S)
    await claim_one(claims, "two", now=LEASE_S + 1)

    lost = await claims.heartbeat(dict.fromkeys(by_job.values(), LIVE), now=LEASE_S + 1)

    assert lost == {by_job[canceled], by_job[deleted], by_job[taken]}


async def test_a_job_that_is_given_back_waits_in_its_old_place_and_counts_as_no_loss(
    repository: JobRepository, claims: JobClaims
) -> None:
    first, second = await accept(repository, 2)
    given = []
    for _ in range(MAX_LOSSES + 1):
        given.append(claim := await claim_one(claims))
        await claims.heartbeat({claim: LIVE}, now=0.0)
        await claims.release(claim)

    assert {claim.job_id for claim in given} == {first}
    record = await repository.get(first, "alice")
    assert (record.status, record.progress, record.preview) == (Status.QUEUED, None, None)
    assert (record.attempt, record.version) > (given[-1].attempt, LIVE.version)
    assert [await repository.queue_position(job_id) for job_id in (first, second)] == [0, 1]
    now = await lose(claims, MAX_LOSSES - 1)
    assert (await claim_one(claims, "next", now=now)).job_id == first


async def test_a_job_whose_deadline_has_passed_fails_unbegun(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(deadline_s=5.0), now=10.0)

    assert await claims.claim("one", now=15.0, limit=9) == []

    record = await repository.get(job.id, "alice")
    assert (record.status, record.completed_at) == (Status.FAILED, 15.0)
    assert record.failure is not None
    assert record.failure.code == "deadline_exceeded"


async def test_a_job_is_begun_up_to_its_deadline(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(deadline_s=5.0), now=10.0)

    assert (await claim_one(claims, now=14.9)).job_id == job.id


async def test_jobs_that_are_too_late_do_not_stand_in_the_way_of_the_next(
    repository: JobRepository, claims: JobClaims
) -> None:
    late = [make_job(deadline_s=1.0) for _ in range(3)]
    for job in (*late, in_time := make_job()):
        await repository.create(job, now=0.0)

    assert (await claim_one(claims, now=2.0)).job_id == in_time.id
    assert {(await repository.get(job.id, "alice")).status for job in late} == {Status.FAILED}


async def test_the_next_attempt_knows_the_images_that_are_stored(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(images=3), now=0.0)
    first = await claim_one(claims)
    images = [make_image(index, version=2 + index) for index in (0, 2)]
    for image in images:
        await claims.add_image(first, image)
    await claims.release(first)

    second = await claim_one(claims, "two")

    assert second.done == {0, 2}
    assert (await repository.get(job.id, "alice")).images == tuple(images)


async def test_a_job_ends_as_its_holder_says(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    claim = await claim_one(claims)
    await claims.heartbeat({claim: LIVE}, now=0.0)
    failure = JobFailure("invalid_value", "No such sampler.", "sampler")

    await claims.finish(claim, Status.FAILED, version=9, now=3.0, failure=failure)

    record = await repository.get(job_id, "alice")
    assert (record.status, record.failure, record.version) == (Status.FAILED, failure, 9)
    assert (record.completed_at, record.expires_at, record.preview) == (3.0, 3.0 + KEEP_S, None)
    assert await claims.claim("two", now=1e9, limit=9) == []


async def test_a_job_can_be_asked_for_by_whoever_has_its_files(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    assert await claims.exists(job_id)

    await repository.delete(job_id, "alice")

    assert not await claims.exists(job_id)
    with pytest.raises(NotFoundError):
        await repository.get(job_id, None)


async def test_a_probe_may_be_made_any_number_of_times(claims: JobClaims) -> None:
    for now in range(3):
        await claims.probe(now)

    assert claims.available


@pytest.mark.parametrize("limit", [1, 9])
async def test_a_job_that_this_version_cannot_read_fails_alone(
    repository: JobRepository, claims: JobClaims, database: Database, limit: int
) -> None:
    unreadable, next_up = await accept(repository, 2)
    await replace_spec(database, unreadable, b'{"version":99}')

    taken = await claims.claim("one", now=5.0, limit=limit)

    assert [claim.job_id for claim in taken] == [next_up]
    async with database.reading() as connection:
        row = (await connection.execute(select(jobs).where(jobs.c.id == unreadable))).one()
    assert (row.status, row.completed_at, row.lease_owner) == (Status.FAILED, 5.0, None)
    assert b"newer version of Darkroom" in row.failure
