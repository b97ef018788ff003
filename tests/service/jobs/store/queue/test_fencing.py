"""An attempt that has ended can write nothing more about its job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from service.jobs.records import Claim, JobFailure, Status
from service.jobs.store.claims import JobClaims, LostError
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import LEASE_S, LIVE, accept, claim_one, make_image

Write: TypeAlias = Callable[[JobClaims, Claim], Awaitable[None]]
End: TypeAlias = Callable[[JobRepository, JobClaims, Claim], Awaitable[object]]


async def add_image(claims: JobClaims, claim: Claim) -> None:
    await claims.add_image(claim, make_image(attempt=claim.attempt))


async def add_last_image(claims: JobClaims, claim: Claim) -> None:
    await claims.add_image(claim, make_image(attempt=claim.attempt), last_at=9.0)


async def succeed(claims: JobClaims, claim: Claim) -> None:
    await claims.finish(claim, Status.SUCCEEDED, version=9, now=9.0)


async def release(claims: JobClaims, claim: Claim) -> None:
    await claims.release(claim)


async def take_over(_: JobRepository, claims: JobClaims, claim: Claim) -> None:
    await claim_one(claims, "two", now=LEASE_S + 1)


async def take_over_and_finish(_: JobRepository, claims: JobClaims, claim: Claim) -> None:
    second = await claim_one(claims, "two", now=LEASE_S + 1)
    await claims.finish(second, Status.FAILED, version=2, now=LEASE_S + 2, failure=JobFailure("internal_error", ""))


async def release_first(_: JobRepository, claims: JobClaims, claim: Claim) -> None:
    await claims.release(claim)


async def finish(_: JobRepository, claims: JobClaims, claim: Claim) -> None:
    await claims.finish(claim, Status.SUCCEEDED, version=2, now=1.0)


async def cancel(repository: JobRepository, _: JobClaims, claim: Claim) -> None:
    await repository.cancel(claim.job_id, "alice", now=1.0)


async def delete(repository: JobRepository, _: JobClaims, claim: Claim) -> None:
    await repository.delete(claim.job_id, "alice")


@pytest.mark.parametrize("write", [add_image, add_last_image, succeed, release])
@pytest.mark.parametrize("end", [take_over, take_over_and_finish, release_first, finish, cancel, delete])
async def test_a_late_write_of_an_attempt_that_has_ended_is_refused_and_changes_nothing(
    repository: JobRepository, claims: JobClaims, end: End, write: Write
) -> None:
    await accept(repository)
    claim = await claim_one(claims)
    await end(repository, claims, claim)
    before = await repository.page("alice", limit=9)

    with pytest.raises(LostError):
        await write(claims, claim)

    assert await repository.page("alice", limit=9) == before
    assert await claims.heartbeat({claim: LIVE}, now=9.0) == {claim}
    assert await repository.page("alice", limit=9) == before


async def test_a_refused_write_leaves_the_store_available(repository: JobRepository, claims: JobClaims) -> None:
    await accept(repository)
    claim = await claim_one(claims)
    await claims.release(claim)

    with pytest.raises(LostError):
        await claims.release(claim)

    assert claims.available
