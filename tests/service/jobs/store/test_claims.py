"""A job is claimed by one process at a time, for the length of its lease, and ends as that process says."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from service.errors import NotFoundError
from service.jobs.records import Claim, LiveState, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.queue.losses import MAX_LOSSES
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import (
    CLAIM_POLICY,
    LEASE_S,
    LIVE,
    accept,
    claim_one,
    lose,
    make_image,
    make_job,
)
from tests.service.jobs.conftest import Connect


async def test_jobs_are_claimed_in_order_of_their_virtual_deadlines(
    repository: JobRepository, claims: JobClaims
) -> None:
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


async def test_a_claim_holds_the_spec_and_starts_the_job(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(images=2), now=5.0)

    claim = await claim_one(claims, now=7.0)

    assert claim == Claim(job.id, 1, "alice", job.spec, 5.0, frozenset())
    record = await repository.get(job.id, "alice")
    assert (record.status, record.attempt, record.started_at) == (Status.RUNNING, 1, 7.0)


async def test_a_claimed_job_is_not_claimed_again_during_its_lease(
    repository: JobRepository, claims: JobClaims
) -> None:
    await accept(repository)
    await claim_one(claims, "one", now=0.0)

    assert await claims.claim("two", now=LEASE_S, limit=9) == []


async def test_concurrent_claims_give_each_job_once(repository: JobRepository, connect: Connect) -> None:
    waiting = await accept(repository, 20)
    by_owner = {owner: JobClaims(connect(), CLAIM_POLICY, WaitingJobs()) for owner in ("one", "two")}

    rounds = await asyncio.gather(
        *(claims.claim(owner, now=0.0, limit=1) for _ in range(10) for owner, claims in by_owner.items())
    )

    claimed = [claim.job_id for taken in rounds for claim in taken]
    assert sorted(claimed) == sorted(waiting)


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_claim_takes_no_more_than_its_limit_with_outdated_table_statistics(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    # PostgreSQL believes that the table has one row. With a plain subquery it would then evaluate the search for a
    # free job again at every row.
    await database.write(lambda connection: connection.execute(text("TRUNCATE jobs CASCADE")))
    await accept(repository)
    await database.write(lambda connection: connection.execute(text("ANALYZE jobs")))
    await accept(repository, 5)

    assert len(await claims.claim("one", now=0.0, limit=1)) == 1


async def test_a_job_is_taken_over_after_its_lease(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    first = await claim_one(claims, "one", now=0.0)
    second = await claim_one(claims, "two", now=LEASE_S + 1)

    assert second.job_id == first.job_id == job_id
    assert second.attempt > first.attempt
    assert (await repository.get(job_id, "alice")).started_at == 0.0, "the time of the first start stays"


async def test_a_process_does_not_take_a_job_over_from_itself(repository: JobRepository, claims: JobClaims) -> None:
    await accept(repository)
    claim = await claim_one(claims, "one", now=0.0)

    assert await claims.claim("one", now=LEASE_S + 1, limit=9) == []
    assert await claims.heartbeat({claim: LIVE}, now=LEASE_S + 1) == set()


async def test_a_process_reclaims_a_job_whose_claim_it_never_received_without_a_loss(
    repository: JobRepository, claims: JobClaims
) -> None:
    forgotten, held = await accept(repository, 2)
    for number in range(MAX_LOSSES + 1):
        await claims.claim("one", now=number * (LEASE_S + 1), limit=1 if number else 2, held={held: "running"})

    now = (MAX_LOSSES + 1) * (LEASE_S + 1)
    (claim,) = await claims.claim("one", now=now, limit=9, held={held: "running"})

    assert (claim.job_id, claim.suspect) == (forgotten, False)
    (claim,) = await claims.claim("one", now=now + LEASE_S, limit=9, held=())
    assert (claim.job_id, claim.suspect) == (held, False)


async def test_a_heartbeat_extends_the_lease(repository: JobRepository, claims: JobClaims) -> None:
    await accept(repository)
    claim = await claim_one(claims, "one", now=0.0)

    await claims.heartbeat({claim: LIVE}, now=LEASE_S)

    assert await claims.claim("two", now=2 * LEASE_S, limit=9) == []
    assert len(await claims.claim("two", now=2 * LEASE_S + 1, limit=9)) == 1


async def test_a_heartbeat_records_progress(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    claim = await claim_one(claims)

    await claims.heartbeat({claim: LIVE}, now=1.0)

    record = await repository.get(job_id, "alice")
    assert LiveState(record.version, record.progress, record.preview) == LIVE


async def test_a_heartbeat_never_lowers_the_version(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    claim = await claim_one(claims)
    await claims.add_image(claim, make_image(version=4))

    await claims.heartbeat({claim: LIVE}, now=1.0)

    assert (await repository.get(job_id, "alice")).version == 4


async def test_a_heartbeat_returns_the_lost_claims(repository: JobRepository, claims: JobClaims) -> None:
    canceled, deleted, taken, held = await accept(repository, 4)
    by_job = {claim.job_id: claim for claim in await claims.claim("one", now=0.0, limit=9)}
    await repository.cancel(canceled, "alice", now=1.0)
    await repository.delete(deleted, "alice")
    await claims.heartbeat({by_job[held]: LIVE}, now=LEASE_S)
    await claim_one(claims, "two", now=LEASE_S + 1)

    lost = await claims.heartbeat(dict.fromkeys(by_job.values(), LIVE), now=LEASE_S + 1)

    assert lost == {by_job[canceled], by_job[deleted], by_job[taken]}


async def test_a_released_job_returns_to_its_place_in_the_queue_without_a_loss(
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
    places = [await repository.queue_place(job_id) for job_id in (first, second)]
    assert [place and place.position for place in places] == [0, 1]
    now = await lose(claims, MAX_LOSSES - 1)
    assert (await claim_one(claims, "next", now=now)).job_id == first


async def test_the_next_attempt_knows_the_stored_images(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(images=3), now=0.0)
    first = await claim_one(claims)
    images = [make_image(index, version=2 + index) for index in (0, 2)]
    for image in images:
        await claims.add_image(first, image)
    await claims.release(first)

    second = await claim_one(claims, "two")

    assert second.done == {0, 2}
    assert (await repository.get(job.id, "alice")).images == tuple(images)


async def test_a_deleted_job_does_not_exist(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    assert await claims.exists(job_id)

    await repository.delete(job_id, "alice")

    assert not await claims.exists(job_id)
    with pytest.raises(NotFoundError):
        await repository.get(job_id, None)


async def test_a_probe_can_be_repeated(claims: JobClaims) -> None:
    for now in range(3):
        await claims.probe(now)

    assert claims.available
