"""An idempotency key names one job of one tenant, however often and from however many servers it is used."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from service.errors import GoneError, KeyReusedError
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import REPOSITORY_POLICY, make_job
from tests.service.jobs.conftest import Connect

KEY = IdempotencyKey("key", "a body", lifetime_s=100.0)


async def test_the_same_key_and_body_return_the_same_job(repository: JobRepository) -> None:
    first, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)

    again, replayed = await repository.create(make_job(), now=1.0, idempotency=KEY)

    assert replayed
    assert again == first
    assert len(await repository.page("alice", limit=9)) == 1


async def test_a_used_key_returns_its_job_although_the_queue_is_full(connect: Connect) -> None:
    repository = JobRepository(connect(), dataclasses.replace(REPOSITORY_POLICY, max_queued=1), WaitingJobs())
    first, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)

    assert await repository.create(make_job(), now=1.0, idempotency=KEY) == (first, True)


async def test_a_used_key_with_another_body_is_refused(repository: JobRepository) -> None:
    await repository.create(make_job(), now=0.0, idempotency=KEY)

    with pytest.raises(KeyReusedError):
        await repository.create(make_job(), now=0.0, idempotency=dataclasses.replace(KEY, fingerprint="another body"))

    assert len(await repository.page("alice", limit=9)) == 1


async def test_two_tenants_can_use_the_same_key(repository: JobRepository) -> None:
    await repository.create(make_job(tenant="alice"), now=0.0, idempotency=KEY)

    record, replayed = await repository.create(make_job(tenant="bob"), now=0.0, idempotency=KEY)

    assert (record.tenant, replayed) == ("bob", False)


async def test_fifty_concurrent_requests_with_one_key_make_one_job(connect: Connect) -> None:
    repositories = [JobRepository(connect(), REPOSITORY_POLICY, WaitingJobs()) for _ in range(2)]

    answers = await asyncio.gather(
        *(repositories[number % 2].create(make_job(), now=0.0, idempotency=KEY) for number in range(50))
    )

    assert len({record.id for record, _ in answers}) == 1
    assert sum(not replayed for _, replayed in answers) == 1
    assert len(await repositories[0].page("alice", limit=99)) == 1


async def test_the_key_of_a_deleted_job_makes_no_new_job(repository: JobRepository) -> None:
    job, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)
    await repository.delete(job.id, "alice")

    with pytest.raises(GoneError):
        await repository.create(make_job(), now=1.0, idempotency=KEY)

    assert await repository.page("alice", limit=9) == []


async def test_an_expired_key_can_be_used_again_once_its_job_is_gone(repository: JobRepository) -> None:
    first, _ = await repository.create(make_job(), now=0.0, idempotency=KEY)

    assert await repository.create(make_job(), now=200.0, idempotency=KEY) == (first, True)
    await repository.delete(first.id, "alice")
    second, replayed = await repository.create(make_job(), now=200.0, idempotency=KEY)

    assert not replayed
    assert second.id != first.id
