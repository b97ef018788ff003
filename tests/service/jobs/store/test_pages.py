"""Jobs are listed page by page, newest first, each of them once."""

from __future__ import annotations

from service.jobs.records import JobRecord, Status
from service.jobs.store.database import Database
from service.jobs.store.pages import Cursor
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import accept, make_job, replace_spec


async def page_through(repository: JobRepository, tenant: str, *, limit: int) -> list[list[JobRecord]]:
    pages = [await repository.page(tenant, limit=limit)]
    while pages[-1]:
        last = pages[-1][-1]
        pages.append(await repository.page(tenant, limit=limit, after=Cursor(last.created_at, last.id)))
    return pages[:-1]


async def test_pages_list_each_job_once_from_newest_to_oldest(repository: JobRepository) -> None:
    jobs = [make_job() for _ in range(7)]
    times = [0.1 + 0.2, 1.0, 1.0, 1.0, 1.0, 2.0, 1e9 / 3]
    for job, now in zip(jobs, times, strict=True):
        await repository.create(job, now=now)
    await repository.create(make_job(tenant="bob"), now=1.0)

    pages = await page_through(repository, "alice", limit=2)

    newest_first = sorted(zip(times, [job.id for job in jobs], strict=True), reverse=True)
    assert [len(page) for page in pages] == [2, 2, 2, 1]
    assert [(record.created_at, record.id) for page in pages for record in page] == newest_first


async def test_a_page_can_be_limited_to_one_status(repository: JobRepository) -> None:
    kept, canceled = make_job(), make_job()
    for job in (kept, canceled):
        await repository.create(job, now=0.0)
    await repository.cancel(canceled.id, "alice", now=1.0)

    assert [record.id for record in await repository.page("alice", limit=9, status=Status.CANCELED)] == [canceled.id]
    assert [record.id for record in await repository.page("alice", limit=9, status=Status.QUEUED)] == [kept.id]
    assert await repository.page("alice", limit=9, status=Status.RUNNING) == []


async def test_later_jobs_do_not_shift_the_second_page(repository: JobRepository) -> None:
    for now in range(4):
        await repository.create(make_job(), now=now)
    first = await repository.page("alice", limit=2)
    await repository.create(make_job(), now=10.0)

    second = await repository.page("alice", limit=2, after=Cursor(first[-1].created_at, first[-1].id))

    assert [record.created_at for record in first + second] == [3.0, 2.0, 1.0, 0.0]


async def test_a_job_that_this_version_cannot_read_is_left_out_of_its_page(
    repository: JobRepository, database: Database
) -> None:
    accepted = await accept(repository, 5)
    for job_id in (accepted[1], accepted[3]):
        await replace_spec(database, job_id, b'{"version":99}')

    pages = await page_through(repository, "alice", limit=1)

    newest_first = sorted((accepted[0], accepted[2], accepted[4]), reverse=True)
    assert [[record.id for record in page] for page in pages] == [[job_id] for job_id in newest_first]
