"""A claim takes jobs in their order until their images fill the room."""

from __future__ import annotations

import pytest

from service.jobs.store.claims import JobClaims
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import make_job


@pytest.mark.parametrize(
    ("images", "taken"),
    [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (99, 4)],
)
async def test_jobs_are_taken_until_their_images_fill_the_room(
    repository: JobRepository, claims: JobClaims, images: int, taken: int
) -> None:
    jobs = [make_job(images=count) for count in (2, 3, 1, 1)]
    for job in jobs:
        await repository.create(job, now=0.0)

    claimed = await claims.claim("one", now=0.0, limit=9, images=images)

    assert [claim.job_id for claim in claimed] == [job.id for job in jobs[:taken]]


async def test_a_job_that_is_larger_than_the_room_is_taken(repository: JobRepository, claims: JobClaims) -> None:
    await repository.create(job := make_job(images=50), now=0.0)

    assert [claim.job_id for claim in await claims.claim("one", now=0.0, limit=9, images=1)] == [job.id]
