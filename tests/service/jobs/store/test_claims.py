"""Who may run a job, for how long, and how it ends."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from service.errors import NotFoundError
from service.jobs.records import Claim, JobFailure, LiveState, Status
from service.jobs.store.claims import MAX_LOSSES, JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import KEEP_S, LEASE_S, LIVE, QUEUE_POLICY, accept, claim_one, lose, make_image, make_job
from tests.service.jobs.conftest import Connect


async def test_jobs_are_claimed_in_order_of_their_deadlines(store: JobRepository, queue: JobClaims) -> None:
    jobs = {
        virtual_deadline_at: make_job(virtual_deadline_at=virtual_deadline_at)
        for virtual_deadline_at in (3.0, 1.0, 4.0, 2.0)
    }
    for job in jobs.values():
        await store.create(job, now=0.0)

    first = await queue.claim("one", now=0.0, limit=2)
    rest = await queue.claim("one", now=0.0, limit=9)

    assert [claim.job_id for claim in first + rest] == [
        jobs[virtual_deadline_at].id for virtual_deadline_at in (1.0, 2.0, 3.0, 4.0)
    ]
    assert len(first) == 2


async def test_a_claim_says_what_is_to_be_made_and_starts_the_job(store: JobRepository, queue: JobClaims) -> None:
    await store.create(job := make_job(images=2), now=5.0)

    claim = await claim_one(queue, now=7.0)

    assert claim == Claim(job.id, 1, "alice", job.spec, 5.0, frozenset())
    record = await store.get(job.id, "alice")
    assert (record.status, record.attempt, record.started_at) == (Status.RUNNING, 1, 7.0)


async def test_what_one_process_has_another_does_not_get(store: JobRepository, queue: JobClaims) -> None:
    await accept(store)
    await claim_one(queue, "one", now=0.0)

    assert await queue.claim("two", now=LEASE_S, limit=9) == []


async def test_twenty_claims_at_once_give_each_job_once(store: JobRepository, connect: Connect) -> None:
    waiting = await accept(store, 20)
    queues = {"one": JobClaims(connect(), QUEUE_POLICY), "two": JobClaims(connect(), QUEUE_POLICY)}

    rounds = await asyncio.gather(
        *(queue.claim(owner, now=0.0, limit=1) for _ in range(10) for owner, queue in queues.items())
    )

    claimed = [claim.job_id for claims in rounds for claim in claims]
    assert sorted(claimed) == sorted(waiting)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_claim_takes_no_more_than_asked_for_though_postgresql_thinks_that_hardly_any_jobs_wait(
    database: Database, store: JobRepository, queue: JobClaims
) -> None:
    # In a table of one page that it takes for one row, it would look for a free job anew at each job it comes to.
    async with database.writing() as connection:
        await connection.execute(text("TRUNCATE jobs CASCADE"))
    await accept(store)
    async with database.writing() as connection:
        await connection.execute(text("ANALYZE jobs"))
    await accept(store, 5)

    assert len(await queue.claim("one", now=0.0, limit=1)) == 1


async def test_after_the_lease_another_process_takes_the_job_over(store: JobRepository, queue: JobClaims) -> None:
    (job_id,) = await accept(store)
    first = await claim_one(queue, "one", now=0.0)
    second = await claim_one(queue, "two", now=LEASE_S + 1)

    assert second.job_id == first.job_id == job_id
    assert second.attempt > first.attempt
    assert (await store.get(job_id, "alice")).started_at == 0.0, "it was begun when it was first begun"


async def test_nobody_takes_a_job_over_from_himself(store: JobRepository, queue: JobClaims) -> None:
    await accept(store)
    claim = await claim_one(queue, "one", now=0.0)

    assert await queue.claim("one", now=LEASE_S + 1, limit=9) == []
    assert await queue.heartbeat({claim: LIVE}, now=LEASE_S + 1) == set()


async def test_a_process_takes_up_what_it_has_by_the_record_alone_as_no_loss(
    store: JobRepository, queue: JobClaims
) -> None:
    forgotten, held = await accept(store, 2)
    for number in range(MAX_LOSSES + 1):
        await queue.claim("one", now=number * (LEASE_S + 1), limit=1 if number else 2, held={held: "running"})

    now = (MAX_LOSSES + 1) * (LEASE_S + 1)
    (claim,) = await queue.claim("one", now=now, limit=9, held={held: "running"})

    assert (claim.job_id, claim.attempt) == (forgotten, MAX_LOSSES + 2)
    (claim,) = await queue.claim("one", now=now + LEASE_S, limit=9, held=())
    assert (claim.job_id, claim.attempt) == (held, 2)


async def test_a_heartbeat_extends_the_lease(store: JobRepository, queue: JobClaims) -> None:
    await accept(store)
    claim = await claim_one(queue, "one", now=0.0)

    await queue.heartbeat({claim: LIVE}, now=LEASE_S)

    assert await queue.claim("two", now=2 * LEASE_S, limit=9) == []
    assert len(await queue.claim("two", now=2 * LEASE_S + 1, limit=9)) == 1


async def test_a_heartbeat_records_how_far_a_job_is(store: JobRepository, queue: JobClaims) -> None:
    (job_id,) = await accept(store)
    claim = await claim_one(queue)

    await queue.heartbeat({claim: LIVE}, now=1.0)

    record = await store.get(job_id, "alice")
    assert LiveState(record.version, record.progress, record.preview) == LIVE


async def test_a_heartbeat_that_was_overtaken_by_an_image_does_not_turn_the_version_back(
    store: JobRepository, queue: JobClaims
) -> None:
    (job_id,) = await accept(store)
    claim = await claim_one(queue)
    await queue.add_image(claim, make_image(version=4))

    await queue.heartbeat({claim: LIVE}, now=1.0)

    assert (await store.get(job_id, "alice")).version == 4


async def test_a_heartbeat_tells_which_claims_are_lost(store: JobRepository, queue: JobClaims) -> None:
    canceled, deleted, taken, held = await accept(store, 4)
    claims = {claim.job_id: claim for claim in await queue.claim("one", now=0.0, limit=9)}
    await store.cancel(canceled, "alice", now=1.0)
    await store.delete(deleted, "alice")
    await queue.heartbeat({claims[held]: LIVE}, now=LEASE_S)
    await claim_one(queue, "two", now=LEASE_S + 1)

    lost = await queue.heartbeat(dict.fromkeys(claims.values(), LIVE), now=LEASE_S + 1)

    assert lost == {claims[canceled], claims[deleted], claims[taken]}


async def test_a_job_that_is_given_back_waits_in_its_old_place_and_counts_as_no_loss(
    store: JobRepository, queue: JobClaims
) -> None:
    first, second = await accept(store, 2)
    claims = []
    for _ in range(MAX_LOSSES + 1):
        claims.append(claim := await claim_one(queue))
        await queue.heartbeat({claim: LIVE}, now=0.0)
        await queue.release(claim)

    assert {claim.job_id for claim in claims} == {first}
    record = await store.get(first, "alice")
    assert (record.status, record.progress, record.preview) == (Status.QUEUED, None, None)
    assert (record.attempt, record.version) > (claims[-1].attempt, LIVE.version)
    assert [await store.queue_position(job_id) for job_id in (first, second)] == [0, 1]
    now = await lose(queue, MAX_LOSSES - 1)
    assert (await claim_one(queue, "next", now=now)).job_id == first


async def test_a_job_whose_deadline_has_passed_fails_unbegun(store: JobRepository, queue: JobClaims) -> None:
    await store.create(job := make_job(deadline_s=5.0), now=10.0)

    assert await queue.claim("one", now=15.0, limit=9) == []

    record = await store.get(job.id, "alice")
    assert (record.status, record.completed_at) == (Status.FAILED, 15.0)
    assert record.failure is not None
    assert record.failure.code == "deadline_exceeded"


async def test_a_job_is_begun_up_to_its_deadline(store: JobRepository, queue: JobClaims) -> None:
    await store.create(job := make_job(deadline_s=5.0), now=10.0)

    assert (await claim_one(queue, now=14.9)).job_id == job.id


async def test_jobs_that_are_too_late_do_not_stand_in_the_way_of_the_next(
    store: JobRepository, queue: JobClaims
) -> None:
    late = [make_job(deadline_s=1.0) for _ in range(3)]
    for job in (*late, in_time := make_job()):
        await store.create(job, now=0.0)

    assert (await claim_one(queue, now=2.0)).job_id == in_time.id
    assert {(await store.get(job.id, "alice")).status for job in late} == {Status.FAILED}


async def test_the_next_attempt_knows_the_images_that_are_stored(store: JobRepository, queue: JobClaims) -> None:
    await store.create(job := make_job(images=3), now=0.0)
    first = await claim_one(queue)
    images = [make_image(index, version=2 + index) for index in (0, 2)]
    for image in images:
        await queue.add_image(first, image)
    await queue.release(first)

    second = await claim_one(queue, "two")

    assert second.done == {0, 2}
    assert (await store.get(job.id, "alice")).images == tuple(images)


async def test_a_job_ends_as_its_holder_says(store: JobRepository, queue: JobClaims) -> None:
    (job_id,) = await accept(store)
    claim = await claim_one(queue)
    await queue.heartbeat({claim: LIVE}, now=0.0)
    failure = JobFailure("invalid_value", "No such sampler.", "sampler")

    await queue.finish(claim, Status.FAILED, version=9, now=3.0, failure=failure)

    record = await store.get(job_id, "alice")
    assert (record.status, record.failure, record.version) == (Status.FAILED, failure, 9)
    assert (record.completed_at, record.expires_at, record.preview) == (3.0, 3.0 + KEEP_S, None)
    assert await queue.claim("two", now=1e9, limit=9) == []


async def test_a_job_can_be_asked_for_by_whoever_has_its_files(store: JobRepository, queue: JobClaims) -> None:
    (job_id,) = await accept(store)
    assert await queue.exists(job_id)

    await store.delete(job_id, "alice")

    assert not await queue.exists(job_id)
    with pytest.raises(NotFoundError):
        await store.get(job_id, None)


async def test_a_probe_may_be_made_any_number_of_times(queue: JobClaims) -> None:
    for now in range(3):
        await queue.probe(now)

    assert queue.available
