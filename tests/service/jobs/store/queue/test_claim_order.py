"""Tenants take turns in the queue of durable jobs, in one process and in several."""

from __future__ import annotations

from service.jobs.store.claims import JobClaims
from service.jobs.store.queue.losses import SUSPECT_LOSSES
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import CLAIM_POLICY, REPOSITORY_POLICY, accept, lose, make_job
from tests.service.jobs.conftest import Connect


async def store(repository: JobRepository, tenant: str, number: int, *, images: int = 1) -> list[str]:
    waiting = [make_job(tenant=tenant, images=images) for _ in range(number)]
    for job in waiting:
        await repository.create(job, now=0.0)
    return [job.id for job in waiting]


async def claimed(claims: JobClaims, times: int, owner: str = "one") -> list[str]:
    return [claim.job_id for _ in range(times) for claim in await claims.claim(owner, now=0.0, limit=1)]


async def test_a_flood_of_one_tenant_delays_another_by_one_job(repository: JobRepository, claims: JobClaims) -> None:
    heavy = await store(repository, "heavy", 20)
    early = await claimed(claims, 3)
    light = await store(repository, "light", 3)

    rest = [claim.job_id for claim in await claims.claim("one", now=0.0, limit=6)]

    assert early == heavy[:3]
    assert set(rest) == {*light, *heavy[3:6]}
    assert rest.index(light[0]) <= 1


async def test_images_bound_what_is_claimed_of_all_tenants_together(
    repository: JobRepository, claims: JobClaims
) -> None:
    first, second = await store(repository, "a", 2, images=4), await store(repository, "b", 2, images=4)

    taken = await claims.claim("one", now=0.0, limit=9, images=5)

    assert [claim.job_id for claim in taken] == [first[0], second[0]]


async def test_jobs_that_another_process_has_claimed_are_passed_over(
    repository: JobRepository, claims: JobClaims, waiting: WaitingJobs, connect: Connect
) -> None:
    accepted = await accept(repository, 6)
    other = JobClaims(connect(), CLAIM_POLICY, WaitingJobs())

    taken = await claimed(other, 2, "other")
    mine = await claimed(claims, 4)

    assert (taken, mine) == (accepted[:2], accepted[2:])
    assert waiting.totals().jobs == 0


async def test_jobs_of_another_process_are_claimed_before_they_are_known(
    repository: JobRepository, connect: Connect
) -> None:
    known, unknown = WaitingJobs(), WaitingJobs()
    accepted = await accept(repository, 2)
    own = await store(JobRepository(connect(), REPOSITORY_POLICY, known), "own", 1)
    claims = JobClaims(connect(), CLAIM_POLICY, known)

    assert await claimed(claims, 3) == [*own, *accepted]
    assert unknown.totals() == known.totals()


async def test_a_suspect_stays_known_while_others_pass_it(
    repository: JobRepository, claims: JobClaims, waiting: WaitingJobs
) -> None:
    (suspect,) = await accept(repository)
    await lose(claims, SUSPECT_LOSSES)
    others = await store(repository, "other", 2)

    assert await claims.claim("one", now=1e3, limit=9, alone=False) == []
    assert suspect in waiting
    assert [claim.job_id for claim in await claims.claim("one", now=1e3, limit=9)] == [suspect]
    assert [claim.job_id for claim in await claims.claim("one", now=1e3, limit=9, alone=False)] == others
