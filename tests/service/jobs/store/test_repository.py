"""Callers create, read, list, cancel and delete jobs."""

from __future__ import annotations

import dataclasses

import pytest

from service.errors import NotFoundError, QueueFullError
from service.jobs.records import JobFailure, JobRecord, JobVersion, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.store.spec_format import UnreadableSpecError
from tests.harness.sample_jobs import KEEP_S, REPOSITORY_POLICY, accept, make_image, make_job, replace_spec
from tests.service.jobs.conftest import Connect

KEY = IdempotencyKey("key", "a body", lifetime_s=100.0)


async def test_an_accepted_job_is_stored_as_requested(repository: JobRepository) -> None:
    job = make_job(images=3, deadline_s=60.0)

    created, replayed = await repository.create(job, now=5.5)

    assert not replayed
    assert await repository.get(job.id, "alice") == created
    assert created == JobRecord(
        id=job.id,
        tenant="alice",
        status=Status.QUEUED,
        spec=job.spec,
        attempt=0,
        version=1,
        progress=None,
        preview=None,
        failure=None,
        created_at=5.5,
        started_at=None,
        completed_at=None,
        expires_at=None,
        images=(),
    )


async def test_another_process_sees_an_accepted_job(repository: JobRepository, connect: Connect) -> None:
    created, _ = await repository.create(make_job(), now=0.0)

    assert await JobRepository(connect(), REPOSITORY_POLICY, WaitingJobs()).get(created.id, "alice") == created


async def test_another_tenants_job_looks_like_one_that_never_existed(repository: JobRepository) -> None:
    await repository.create(job := make_job(tenant="alice"), now=0.0)
    with pytest.raises(NotFoundError) as missing:
        await repository.get(make_job().id, "bob")

    with pytest.raises(NotFoundError) as foreign:
        await repository.get(job.id, "bob")
    with pytest.raises(NotFoundError):
        await repository.cancel(job.id, "bob", now=0.0)
    assert not await repository.delete(job.id, "bob")

    assert foreign.value.message == missing.value.message
    assert (await repository.get(job.id, "alice")).status is Status.QUEUED


async def test_a_lookup_without_a_tenant_finds_any_tenants_job(repository: JobRepository) -> None:
    created, _ = await repository.create(make_job(tenant="alice"), now=0.0)

    assert await repository.get(created.id, None) == created


async def test_a_place_in_the_queue_counts_the_waiting_jobs_with_earlier_deadlines_and_their_work(
    repository: JobRepository, claims: JobClaims
) -> None:
    late, soon, next_up = (
        make_job(virtual_deadline_at=30.0, price_s=4.0),
        make_job(virtual_deadline_at=20.0, price_s=2.0),
        make_job(virtual_deadline_at=10.0, price_s=1.0),
    )
    for job in (late, soon, next_up):
        await repository.create(job, now=0.0)
    assert [await repository.queue_place(job.id) for job in (next_up, soon, late)] == [(0, 1.0), (1, 3.0), (2, 7.0)]

    await claims.claim("one", now=0.0, limit=1)

    assert [await repository.queue_place(job.id) for job in (next_up, soon, late)] == [None, (0, 2.0), (1, 6.0)]


async def test_jobs_with_equal_deadlines_have_different_positions(repository: JobRepository) -> None:
    jobs = [make_job(virtual_deadline_at=1.0) for _ in range(4)]
    for job in jobs:
        await repository.create(job, now=0.0)

    places = [await repository.queue_place(job.id) for job in jobs]
    assert sorted(place.position for place in places if place is not None) == [0, 1, 2, 3]


async def test_a_job_beyond_the_limit_is_refused_and_leaves_nothing(connect: Connect) -> None:
    repository = JobRepository(connect(), dataclasses.replace(REPOSITORY_POLICY, max_queued=2), WaitingJobs())
    for _ in range(2):
        await repository.create(make_job(), now=0.0)

    with pytest.raises(QueueFullError) as refused:
        await repository.create(make_job(), now=0.0, idempotency=KEY)

    assert refused.value.retry_after_s is not None
    assert len(await repository.page("alice", limit=9)) == 2
    first, *_ = await repository.page("alice", limit=9)
    await repository.cancel(first.id, "alice", now=0.0)
    _, replayed = await repository.create(make_job(), now=0.0, idempotency=KEY)
    assert not replayed, "the refused job did not use its key"


async def test_work_beyond_the_limit_is_refused_except_by_an_empty_queue(connect: Connect) -> None:
    repository = JobRepository(connect(), dataclasses.replace(REPOSITORY_POLICY, max_queued_s=10.0), WaitingJobs())
    await repository.create(giant := make_job(price_s=50.0), now=0.0)
    with pytest.raises(QueueFullError):
        await repository.create(make_job(price_s=0.5), now=0.0)
    await repository.cancel(giant.id, "alice", now=0.0)

    await repository.create(make_job(price_s=6.0), now=0.0)
    await repository.create(make_job(price_s=4.0), now=0.0)
    with pytest.raises(QueueFullError):
        await repository.create(make_job(price_s=0.5), now=0.0)


async def test_a_second_cancel_changes_nothing(repository: JobRepository) -> None:
    job, _ = await repository.create(make_job(), now=0.0)

    canceled = await repository.cancel(job.id, "alice", now=7.0)
    again = await repository.cancel(job.id, "alice", now=9.0)

    assert canceled == again == await repository.get(job.id, "alice")
    assert canceled.status is Status.CANCELED
    assert (canceled.completed_at, canceled.expires_at) == (7.0, 7.0 + KEEP_S)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
async def test_canceling_an_ended_job_changes_nothing(
    repository: JobRepository, claims: JobClaims, status: Status
) -> None:
    await repository.create(job := make_job(), now=0.0)
    (claim,) = await claims.claim("one", now=1.0, limit=1)
    failure = JobFailure("out_of_memory", "Too large.") if status is Status.FAILED else None
    await claims.finish(claim, status, version=5, now=2.0, failure=failure)
    ended = await repository.get(job.id, "alice")

    assert await repository.cancel(job.id, "alice", now=3.0) == ended
    assert (ended.status, ended.failure) == (status, failure)


async def test_canceling_a_running_job_keeps_its_finished_images(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(images=2), now=0.0)
    (claim,) = await claims.claim("one", now=1.0, limit=1)
    await claims.add_image(claim, image := make_image())

    canceled = await repository.cancel(job.id, "alice", now=2.0)

    assert canceled.images == (image,)
    assert canceled.attempt > claim.attempt


async def test_deleting_a_job_deletes_its_images(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(), now=0.0)
    (claim,) = await claims.claim("one", now=1.0, limit=1)
    await claims.add_image(claim, make_image())

    assert await repository.delete(job.id, "alice")

    with pytest.raises(NotFoundError):
        await repository.get(job.id, "alice")
    assert not await repository.delete(job.id, "alice")
    again, _ = await repository.create(make_job(job.id), now=2.0)
    assert again.images == ()


async def test_a_job_of_finished_images_has_succeeded(repository: JobRepository) -> None:
    finished = [make_image(index, version=1) for index in range(3)]

    record = await repository.create_ended(make_job(images=3), finished, now=5.0, expires_at=65.0)

    assert record == await repository.get(record.id, "alice")
    assert record.status is Status.SUCCEEDED
    assert (record.started_at, record.completed_at, record.expires_at) == (5.0, 5.0, 65.0)
    assert [image.index for image in record.images] == [0, 1, 2]


async def test_finished_images_are_numbered_in_order_before_the_end(
    repository: JobRepository,
) -> None:
    finished = [make_image(index, version=1) for index in range(3)]

    record = await repository.create_ended(make_job(images=3), finished, now=5.0, expires_at=65.0)

    moments = [(image.attempt, image.version) for image in record.images]
    moments.append((record.attempt, record.version))
    assert moments == sorted(set(moments))


async def test_a_job_of_finished_images_is_never_claimed(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create_ended(make_job(), [make_image()], now=5.0, expires_at=65.0)

    assert await claims.claim("one", now=9.0, limit=9) == []


async def test_a_job_that_this_version_cannot_read_says_so_and_can_be_deleted(
    repository: JobRepository, database: Database
) -> None:
    (job_id,) = await accept(repository)
    await replace_spec(database, job_id, b'{"version":99}')

    with pytest.raises(UnreadableSpecError, match="newer version of Darkroom"):
        await repository.get(job_id, "alice")

    assert await repository.delete(job_id, "alice")


async def test_versions_tell_what_has_changed_and_leave_out_what_is_gone(repository: JobRepository) -> None:
    jobs = [make_job() for _ in range(3)]
    for job in jobs:
        await repository.create(job, now=0.0)
    ids = [job.id for job in jobs]
    before = await repository.versions(ids)
    await repository.delete(ids[1], "alice")
    await repository.cancel(ids[2], "alice", now=1.0)
    after = await repository.versions([*ids, *(f"job_{number}" for number in range(600))])

    assert before.keys() == set(ids)
    assert after.keys() == {ids[0], ids[2]}
    assert after[ids[0]] == before[ids[0]]
    assert after[ids[2]] != before[ids[2]]
    assert after[ids[2]] == JobVersion.of(await repository.get(ids[2], "alice"))
