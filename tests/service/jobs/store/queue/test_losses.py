"""Losses of a process count against the jobs that it ran, and too many of them fail a job."""

from __future__ import annotations

from service.jobs.records import Claim, Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.queue.losses import FADE_S, MAX_LOSSES, SUSPECT_LOSSES, Lost, put_back
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import KEEP_S, LEASE_S, LIVE, RETENTION, accept, claim_one, lose, make_image, make_job


async def test_a_job_that_is_lost_with_every_process_that_runs_it_fails(
    repository: JobRepository, claims: JobClaims
) -> None:
    (job_id,) = await accept(repository)
    now = await lose(claims, MAX_LOSSES)

    assert await claims.claim("next", now=now, limit=9) == []

    record = await repository.get(job_id, "alice")
    assert record.status is Status.FAILED
    assert record.failure is not None
    assert record.failure.code == "poisoned"
    assert (record.completed_at, record.expires_at) == (now, now + KEEP_S)


async def test_a_job_may_be_lost_less_often_than_that(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    now = await lose(claims, MAX_LOSSES - 1)

    claim = await claim_one(claims, "next", now=now)

    assert (claim.job_id, claim.suspect) == (job_id, True)


async def test_a_job_is_lost_without_being_begun_any_number_of_times(
    repository: JobRepository, claims: JobClaims
) -> None:
    (job_id,) = await accept(repository)
    now = await lose(claims, 3 * MAX_LOSSES, begun=False)

    claim = await claim_one(claims, "next", now=now)

    assert (claim.job_id, claim.suspect) == (job_id, False)


async def test_losses_before_and_after_a_job_is_begun_are_told_apart(
    repository: JobRepository, claims: JobClaims
) -> None:
    (job_id,) = await accept(repository)
    now = await lose(claims, MAX_LOSSES - 1)
    now = await lose(claims, MAX_LOSSES, since=now, begun=False)
    now = await lose(claims, 1, since=now)

    assert await claims.claim("next", now=now, limit=9) == []

    record = await repository.get(job_id, "alice")
    assert record.failure is not None
    assert record.failure.code == "poisoned"


async def test_a_stored_image_tells_that_a_job_was_begun(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(make_job(images=MAX_LOSSES + 1), now=0.0)
    now = 0.0
    for index in range(MAX_LOSSES):
        claim = await claim_one(claims, f"died at {now}", now=now)
        await claims.add_image(claim, make_image(index))
        now += LEASE_S + 1

    assert await claims.claim("next", now=now, limit=9) == []


async def test_ten_kills_of_a_server_condemn_none_of_its_jobs(repository: JobRepository, claims: JobClaims) -> None:
    """Six jobs come before each kill. The first five kills come before a job is begun, the others in mid-work."""
    accepted, now = [], 0.0
    for kill in range(10):
        accepted += await accept(repository, 6)
        taken = await claims.claim(f"server {kill}", now=now, limit=99)
        if kill >= 5:
            await claims.heartbeat(dict.fromkeys(taken, LIVE), now=now)
            for claim in taken[:6]:
                await claims.finish(claim, Status.SUCCEEDED, version=LIVE.version + 1, now=now)
        now += LEASE_S + 1

    survivors: list[Claim] = []
    while claimed := await claims.claim("the last server", now=now, limit=99, held=[each.job_id for each in survivors]):
        survivors += claimed

    statuses = [(await repository.get(job_id, "alice")).status for job_id in accepted]
    assert statuses.count(Status.FAILED) == 0
    assert len(survivors) == len(accepted) - statuses.count(Status.SUCCEEDED)


async def test_a_job_that_was_lost_often_runs_apart_from_all_others(
    repository: JobRepository, claims: JobClaims
) -> None:
    (suspect,) = await accept(repository)
    now = await lose(claims, SUSPECT_LOSSES)
    later = await accept(repository, 2)

    assert await claims.claim("busy", now=now, limit=9, alone=False) == []
    assert [claim.job_id for claim in await claims.claim("idle", now=now, limit=9)] == [suspect]
    assert [claim.job_id for claim in await claims.claim("busy", now=now, limit=9, alone=False)] == later


async def test_a_suspect_behind_other_jobs_holds_none_of_them_up(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(make_job(virtual_deadline_at=99.0), now=0.0)
    now = await lose(claims, SUSPECT_LOSSES)
    first = make_job(virtual_deadline_at=1.0)
    await repository.create(first, now=0.0)

    assert [claim.job_id for claim in await claims.claim("busy", now=now, limit=9, alone=False)] == [first.id]
    assert await claims.claim("busy", now=now, limit=9, alone=False) == []


async def test_losses_are_forgotten_after_a_while(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    now = await lose(claims, MAX_LOSSES - 1)
    claim = await claim_one(claims, "long", now=now)
    await claims.heartbeat({claim: LIVE}, now=now + FADE_S)

    now = await lose(claims, 1, since=now + FADE_S + LEASE_S + 1)

    assert (await repository.get(job_id, "alice")).status is Status.RUNNING
    assert not (await claim_one(claims, "next", now=now)).suspect


async def test_the_jobs_of_a_dead_owner_wait_again_during_its_lease(
    repository: JobRepository, claims: JobClaims
) -> None:
    begun, unbegun, other = await accept(repository, 3)
    by_job = {claim.job_id: claim for claim in await claims.claim("dead", now=0.0, limit=2)}
    await claims.claim("alive", now=0.0, limit=1)
    await claims.heartbeat({by_job[begun]: LIVE}, now=0.0)

    assert await claims.put_dead_back(["dead", "another"], "finder", now=1.0) == {"dead"}
    assert await claims.put_dead_back(["dead", "another"], "finder", now=1.0) == set()

    statuses = [(await repository.get(job_id, "alice")).status for job_id in (begun, unbegun, other)]
    assert statuses == [Status.QUEUED, Status.QUEUED, Status.RUNNING]
    assert await claims.heartbeat(dict.fromkeys(by_job.values(), LIVE), now=1.0) == set(by_job.values())


async def test_those_that_put_jobs_back_learn_how_many_losses_count(
    repository: JobRepository, claims: JobClaims, database: Database
) -> None:
    await accept(repository, 3)
    taken = await claims.claim("dead", now=0.0, limit=3)
    await claims.heartbeat(dict.fromkeys(taken[:2], LIVE), now=0.0)
    lost = [Lost(claim.job_id, claim.attempt, "dead") for claim in taken]

    first, again = [
        await database.write(lambda connection: put_back(connection, lost, "finder", 1.0, RETENTION)) for _ in range(2)
    ]

    assert (len(first.waiting), first.losses) == (3, 2)
    assert (len(again.waiting), again.losses) == (0, 0)
