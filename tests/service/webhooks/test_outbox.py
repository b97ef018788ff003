"""The database makes a delivery of each event that a job's webhook asks for, in the transaction of the change."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Row, select, text

from service.jobs.records import JobFailure, Status
from service.jobs.store.claims import JobClaims, LostError
from service.jobs.store.database import Database
from service.jobs.store.queue.losses import MAX_LOSSES
from service.jobs.store.repository import JobRepository
from service.jobs.store.tables import webhook_deliveries, webhooks
from service.webhooks.types import JOB_CANCELED, JOB_FAILED, JOB_STARTED, JOB_SUCCEEDED
from tests.harness.sample_jobs import claim_one, lose, make_image, make_job, make_webhook


async def rows(database: Database) -> list[Row[Any]]:
    query = select(webhook_deliveries).order_by(webhook_deliveries.c.created_at, webhook_deliveries.c.event.desc())
    return await database.read(lambda connection: list(connection.execute(query).all()))


async def told(database: Database) -> list[str]:
    return [row.event for row in await rows(database)]


async def test_a_jobs_start_and_success_leave_a_delivery_each_with_ids_of_their_own(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    job = make_job(images=2, webhook=make_webhook("https://Hooks.Test:8443/in?a=b"))
    await repository.create(job, now=1.0)
    claim = await claim_one(claims, now=2.0)
    await claims.add_image(claim, make_image(0))
    await claims.add_image(claim, make_image(1, version=3), last_at=9.0)

    started, succeeded = await rows(database)

    assert (started.id, started.event, started.created_at) == (f"msg_{job.id}_started", JOB_STARTED, 2.0)
    assert (succeeded.id, succeeded.event, succeeded.created_at) == (f"msg_{job.id}_succeeded", JOB_SUCCEEDED, 9.0)
    for row in (started, succeeded):
        assert (row.job_id, row.tenant, row.host) == (job.id, "alice", "hooks.test")
        assert (row.state, row.tries, row.try_at, row.tried_at) == ("pending", 0, row.created_at, None)


async def test_every_other_end_is_told_too(database: Database, repository: JobRepository, claims: JobClaims) -> None:
    for _ in range(2):
        await repository.create(make_job(webhook=make_webhook()), now=0.0)
    failed = await claim_one(claims)
    await claims.finish(failed, Status.FAILED, version=2, now=1.0, failure=JobFailure("internal_error", "No."))
    canceled = await claim_one(claims, now=2.0)
    await repository.cancel(canceled.job_id, "alice", now=3.0)
    await repository.create(make_job(webhook=make_webhook(), deadline_s=1.0), now=4.0)
    assert await claims.claim("one", now=6.0, limit=1) == []

    assert await told(database) == [JOB_STARTED, JOB_FAILED, JOB_STARTED, JOB_CANCELED, JOB_STARTED, JOB_FAILED]


async def test_a_start_is_told_once_however_often_the_job_is_lost_and_its_end_when_it_is_condemned(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    await repository.create(make_job(webhook=make_webhook()), now=0.0)
    now = await lose(claims, MAX_LOSSES)
    await claims.claim("last", now=now, limit=1)

    assert await told(database) == [JOB_STARTED, JOB_FAILED]


async def test_only_the_events_that_were_asked_for_are_told(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    await repository.create(make_job(webhook=make_webhook(events=(JOB_FAILED, JOB_CANCELED))), now=0.0)
    await repository.create(make_job(), now=0.0)
    for claim in await claims.claim("one", now=0.0, limit=2):
        await claims.add_image(claim, make_image(), last_at=1.0)

    assert await rows(database) == []


async def test_nothing_is_told_of_a_change_that_was_refused_or_undone(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    await repository.create(make_job(webhook=make_webhook(events=(JOB_SUCCEEDED,))), now=0.0)
    claim = await claim_one(claims)

    def ended_and_undone(connection: Any) -> None:
        connection.execute(text("UPDATE jobs SET status = 'succeeded', completed_at = 1"))
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(ended_and_undone)
    await claims.release(claim)
    with pytest.raises(LostError):
        await claims.add_image(claim, make_image(), last_at=1.0)

    assert await rows(database) == []


async def test_a_webhook_and_its_deliveries_go_with_their_job(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    job = make_job(webhook=make_webhook())
    await repository.create(job, now=0.0)
    await claim_one(claims)
    assert await told(database) == [JOB_STARTED]

    await repository.delete(job.id, "alice")

    assert await rows(database) == []
    assert await database.read(lambda connection: connection.execute(select(webhooks)).all()) == []


async def test_nothing_more_is_told_to_a_receiver_that_wanted_no_more(
    database: Database, repository: JobRepository, claims: JobClaims
) -> None:
    await repository.create(make_job(webhook=make_webhook()), now=0.0)
    claim = await claim_one(claims)
    await database.write(lambda connection: connection.execute(webhooks.update().values(disabled_at=1.0)))

    await claims.add_image(claim, make_image(), last_at=2.0)

    assert await told(database) == [JOB_STARTED]
