"""A late try tells of the job what the first one told."""

from __future__ import annotations

from service.jobs.records import Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.repository import JobRepository
from service.webhooks.rendering import as_of, happened_at
from service.webhooks.types import JOB_STARTED, JOB_SUCCEEDED
from tests.harness.sample_jobs import claim_one, make_image, make_job


async def test_a_start_is_told_as_it_was_also_after_the_end(repository: JobRepository, claims: JobClaims) -> None:
    job = make_job()
    await repository.create(job, now=1.0)
    claim = await claim_one(claims, now=2.0)
    running = as_of(await repository.get(job.id, None), JOB_STARTED)
    await claims.add_image(claim, make_image(), last_at=3.0)
    ended = await repository.get(job.id, None)

    told = as_of(ended, JOB_STARTED)
    assert (told.status, told.images, told.completed_at, told.expires_at) == (Status.RUNNING, (), None, None)
    assert (told.id, told.spec, told.started_at) == (running.id, running.spec, running.started_at)
    assert as_of(ended, JOB_SUCCEEDED) is ended
    assert (happened_at(ended, JOB_STARTED), happened_at(ended, JOB_SUCCEEDED)) == (2.0, 3.0)
