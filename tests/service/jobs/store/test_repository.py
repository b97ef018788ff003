"""What callers can do with jobs, whatever else happens to these."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from service.errors import GoneError, KeyReusedError, NotFoundError, QueueFullError
from service.jobs.records import JobFailure, JobRecord, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import Cursor, IdempotencyKey, JobRepository
from service.jobs.store.spec_format import UnreadableSpecError
from tests.harness.sample_jobs import KEEP_S, REPOSITORY_POLICY, accept, make_image, make_job, replace_spec
from tests.service.jobs.conftest import Connect

KEY = IdempotencyKey("key", "a body", lifetime_s=100.0)


async def page_through(repository: JobRepository, tenant: str, *, limit: int) -> list[list[JobRecord]]:
    pages = [await repository.page(tenant, limit=limit)]
    while pages[-1]:
        last = pages[-1][-1]
        pages.append(await repository.page(tenant, limit=limit, after=Cursor(last.created_at, last.id)))
    return pages[:-1]


async def test_an_accepted_job_is_found_as_it_was_asked_for(repository: JobRepository) -> None:
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


async def test_another_process_sees_what_was_accepted(repository: JobRepository, connect: Connect) -> None:
    created, _ = await repository.create(make_job(), now=0.0)

    assert await JobRepository(connect(), REPOSITORY_POLICY).get(created.id, "alice") == created


async def test_another_tenants_job_is_answered_as_one_that_never_was(repository: JobRepository) -> None:
    await repository.create(job := make_job(tenant="alice"), now=0.0)
    with pytest.raises(NotFoundError) as never_was:
        await repository.get(make_job().id, "bob")

    with pytest.raises(NotFoundError) as of_another:
        await repository.get(job.id, "bob")
    with pytest.raises(NotFoundError):
        await repository.cancel(job.id, "bob", now=0.0)
    assert not await repository.delete(job.id, "bob")

    assert of_another.value.message == never_was.value.message
    assert (await repository.get(job.id, "alice")).status is Status.QUEUED


async def test_whoever_asks_for_no_tenant_gets_any_tenants_job(repository: JobRepository) -> None:
    created, _ = await repository.create(make_job(tenant="alice"), now=0.0)

    assert await repository.get(created.id, None) == created


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_and_repeat_nothing(repository: JobRepository) -> None:
    jobs = [make_job() for _ in range(7)]
    times = [0.1 + 0.2, 1.0, 1.0, 1.0, 1.0, 2.0, 1e9 / 3]
    for job, now in zip(jobs, times, strict=True):
        await repository.create(job, now=now)
    await repository.create(make_job(tenant="bob"), now=1.0)

    pages = await page_through(repository, "alice", limit=2)

    newest_first = sorted(zip(times, [job.id for job in jobs], strict=True), reverse=True)
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert [(record.created_at, record.id) for page in pages for record in page] == newest_first


async def test_a_page_can_be_of_one_status(repository: JobRepository) -> None:
    kept, canceled = make_job(), make_job()
    for job in (kept, canceled):
        await repository.create(job, now=0.0)
    await repository.cancel(canceled.id, "alice", now=1.0)

    assert [record.id for record in await repository.page("alice", limit=9, status=Status.CANCELED)] == [canceled.id]
    assert [record.id for record in await repository.page("alice", limit=9, status=Status.QUEUED)] == [kept.id]
    assert await repository.page("alice", limit=9, status=Status.RUNNING) == []


async def test_jobs_that_came_after_the_first_page_do_not_move_the_second(repository: JobRepository) -> None:
    for now in range(4):
        await repository.create(make_job(), now=now)
    first = await repository.page("alice", limit=2)
    await repository.create(make_job(), now=10.0)

    second = await repository.page("alice", limit=2, after=Cursor(first[-1].created_at, first[-1].id))

    assert [record.created_at for record in first + second] == [3.0, 2.0, 1.0, 0.0]


async def test_a_waiting_jobs_position_counts_those_that_are_due_before_it(
    repository: JobRepository, claims: JobClaims
) -> None:
    late, soon, next_up = (
        make_job(virtual_deadline_at=30.0),
        make_job(virtual_deadline_at=20.0),
        make_job(virtual_deadline_at=10.0),
    )
    for job in (late, soon, next_up):
        await repository.create(job, now=0.0)
    assert [await repository.queue_position(job.id) for job in (next_up, soon, late)] == [0, 1, 2]

    await claims.claim("one", now=0.0, limit=1)

    assert [await repository.queue_position(job.id) for job in (next_up, soon, late)] == [None, 0, 1]


async def test_jobs_that_are_due_at_once_have_positions_of_their_own(repository: JobRepository) -> None:
    jobs = [make_job(virtual_deadline_at=1.0) for _ in range(4)]
    for job in jobs:
        await repository.create(job, now=0.0)

    assert sorted([await repository.queue_position(job.id) or 0 for job in jobs]) == [0, 1, 2, 3]


async def test_a_job_too_many_is_refused_and_leaves_nothing(connect: Connect) -> None:
    repository = JobRepository(connect(), dataclasses.replace(REPOSITORY_POLICY, max_queued=2))
    for _ in range(2):
        await repository.create(make_job(), now=0.0)

    with pytest.raises(QueueFullError) as refused:
        await repository.create(make_job(), now=0.0, idempotency=KEY)

    assert refused.value.retry_after_s is not None
    assert len(await repository.page("alice", limit=9)) == 2
    first, *_ = await repository.page("alice", limit=9)
    await repository.cancel(first.id, "alice", now=0.0)
    _, replayed = await repository.create(make_job(), now=0.0, idempotency=KEY)
    assert not replayed, "the refused job had not used up its key"


async def test_too_much_work_is_refused_except_by_an_empty_queue(connect: Connect) -> None:
    repository = JobRepository(connect(), dataclasses.replace(REPOSITORY_POLICY, max_queued_s=10.0))
    await repository.create(giant := make_job(price_s=50.0), now=0.0)
    with pytest.raises(QueueFullError):
        await repository.create(make_job(price_s=0.5), now=0.0)
    await repository.cancel(giant.id, "alice", now=0.0)

    await repository.create(make_job(price_s=6.0), now=0.0)
    await repository.create(make_job(price_s=4.0), now=0.0)
    with pytest.raises(QueueFullError):
        await repository.create(make_job(price_s=0.5), now=0.0)


async def test_the_same_key_and_body_give_the_same_job(repository: JobRepository) -> None:
    first, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)

    again, replayed = await repository.create(make_job(), now=1.0, idempotency=KEY)

    assert replayed
    assert again == first
    assert len(await repository.page("alice", limit=9)) == 1


async def test_a_key_gives_its_job_also_when_the_queue_is_full(connect: Connect) -> None:
    repository = JobRepository(connect(), dataclasses.replace(REPOSITORY_POLICY, max_queued=1))
    first, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)

    assert await repository.create(make_job(), now=1.0, idempotency=KEY) == (first, True)


async def test_the_same_key_with_another_body_is_refused(repository: JobRepository) -> None:
    await repository.create(make_job(), now=0.0, idempotency=KEY)

    with pytest.raises(KeyReusedError):
        await repository.create(make_job(), now=0.0, idempotency=dataclasses.replace(KEY, fingerprint="another body"))

    assert len(await repository.page("alice", limit=9)) == 1


async def test_tenants_may_use_the_same_key(repository: JobRepository) -> None:
    await repository.create(make_job(tenant="alice"), now=0.0, idempotency=KEY)

    record, replayed = await repository.create(make_job(tenant="bob"), now=0.0, idempotency=KEY)

    assert (record.tenant, replayed) == ("bob", False)


async def test_fifty_requests_at_once_with_one_key_make_one_job(connect: Connect) -> None:
    repositories = [JobRepository(connect(), REPOSITORY_POLICY) for _ in range(2)]

    answers = await asyncio.gather(
        *(repositories[number % 2].create(make_job(), now=0.0, idempotency=KEY) for number in range(50))
    )

    assert len({record.id for record, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1
    assert len(await repositories[0].page("alice", limit=99)) == 1


async def test_the_key_of_a_deleted_job_does_not_make_it_again(repository: JobRepository) -> None:
    job, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)
    await repository.delete(job.id, "alice")

    with pytest.raises(GoneError):
        await repository.create(make_job(), now=1.0, idempotency=KEY)

    assert await repository.page("alice", limit=9) == []


async def test_a_key_past_its_time_is_free_again_once_its_job_is_gone(repository: JobRepository) -> None:
    first, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)

    assert await repository.create(make_job(), now=200.0, idempotency=KEY) == (first, True)
    await repository.delete(first.id, "alice")
    second, replayed = await repository.create(make_job(), now=200.0, idempotency=KEY)

    assert not replayed
    assert second.id != first.id


async def test_a_canceled_job_has_ended_and_stays_as_it_is(repository: JobRepository) -> None:
    job, _ = await repository.create(make_job(), now=0.0)

    canceled = await repository.cancel(job.id, "alice", now=7.0)
    again = await repository.cancel(job.id, "alice", now=9.0)

    assert canceled == again == await repository.get(job.id, "alice")
    assert canceled.status is Status.CANCELED
    assert (canceled.completed_at, canceled.expires_at) == (7.0, 7.0 + KEEP_S)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
async def test_to_cancel_a_job_that_has_ended_changes_nothing(
    repository: JobRepository, claims: JobClaims, status: Status
) -> None:
    await repository.create(job := make_job(), now=0.0)
    (claim,) = await claims.claim("one", now=1.0, limit=1)
    failure = JobFailure("out_of_memory", "Too large.") if status is Status.FAILED else None
    await claims.finish(claim, status, version=5, now=2.0, failure=failure)
    ended = await repository.get(job.id, "alice")

    assert await repository.cancel(job.id, "alice", now=3.0) == ended
    assert (ended.status, ended.failure) == (status, failure)


async def test_to_cancel_a_running_job_keeps_the_images_that_are_finished(
    repository: JobRepository, claims: JobClaims
) -> None:
    await repository.create(job := make_job(images=2), now=0.0)
    (claim,) = await claims.claim("one", now=1.0, limit=1)
    await claims.add_image(claim, image := make_image())

    canceled = await repository.cancel(job.id, "alice", now=2.0)

    assert canceled.images == (image,)
    assert canceled.attempt > claim.attempt


async def test_a_deleted_job_is_gone_with_its_images(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(), now=0.0)
    (claim,) = await claims.claim("one", now=1.0, limit=1)
    await claims.add_image(claim, make_image())

    assert await repository.delete(job.id, "alice")

    with pytest.raises(NotFoundError):
        await repository.get(job.id, "alice")
    assert not await repository.delete(job.id, "alice")
    again, _ = await repository.create(make_job(job.id), now=2.0)
    assert again.images == ()


async def test_a_job_of_images_made_already_has_ended_with_all_of_them(repository: JobRepository) -> None:
    made = [make_image(index, version=1) for index in range(3)]

    record = await repository.create_ended(make_job(images=3), made, now=5.0, expires_at=65.0)

    assert record == await repository.get(record.id, "alice")
    assert record.status is Status.SUCCEEDED
    assert (record.started_at, record.completed_at, record.expires_at) == (5.0, 5.0, 65.0)
    assert [image.index for image in record.images] == [0, 1, 2]


async def test_images_made_already_are_events_one_after_another_and_the_end_is_after_them(
    repository: JobRepository,
) -> None:
    made = [make_image(index, version=1) for index in range(3)]

    record = await repository.create_ended(make_job(images=3), made, now=5.0, expires_at=65.0)

    moments = [(image.attempt, image.version) for image in record.images]
    moments.append((record.attempt, record.version))
    assert moments == sorted(set(moments))


async def test_nobody_runs_a_job_of_images_made_already(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create_ended(make_job(), [make_image()], now=5.0, expires_at=65.0)

    assert await claims.claim("one", now=9.0, limit=9) == []


async def test_a_job_that_this_version_cannot_read_is_left_out_of_its_page(
    repository: JobRepository, database: Database
) -> None:
    accepted = await accept(repository, 5)
    for job_id in (accepted[1], accepted[3]):
        await replace_spec(database, job_id, b'{"version":99}')

    pages = await page_through(repository, "alice", limit=1)

    newest_first = sorted((accepted[0], accepted[2], accepted[4]), reverse=True)
    assert [[record.id for record in page] for page in pages] == [[job_id] for job_id in newest_first]


async def test_a_job_that_this_version_cannot_read_says_so_and_can_be_deleted(
    repository: JobRepository, database: Database
) -> None:
    (job_id,) = await accept(repository)
    await replace_spec(database, job_id, b'{"version":99}')

    with pytest.raises(UnreadableSpecError, match="newer version of Darkroom"):
        await repository.get(job_id, "alice")

    assert await repository.delete(job_id, "alice")
