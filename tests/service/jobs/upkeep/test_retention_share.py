"""A sweep deletes only a share of the jobs, even if a wrong clock says that all have expired, and none after a jump."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert

from service.jobs.records import Status
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.store.row_mapping import new_job_row
from service.jobs.store.tables import jobs
from tests.harness.engine.worker_harness import Clock
from tests.harness.sample_jobs import KEEP_S, make_job
from tests.service.jobs.upkeep.test_retention import RetentionHarness, harness, images

__all__ = ["harness", "images"]  # Fixtures, which pytest finds by their names in this module.


async def insert_ended(database: Database, number: int, *, expires_at: float) -> None:
    ended = {"status": Status.SUCCEEDED, "completed_at": 0.0, "expires_at": expires_at}
    rows = [new_job_row(make_job(), 0.0) | ended for _ in range(number)]
    await database.write(lambda connection: connection.execute(insert(jobs), rows))


async def test_one_sweep_deletes_more_jobs_than_fit_one_transaction(
    harness: RetentionHarness, database: Database, repository: JobRepository
) -> None:
    await insert_ended(database, 205, expires_at=1.0)
    await insert_ended(database, 700, expires_at=9.0)
    harness.clock.now_s = 2.0

    await harness.retention.sweep()

    assert len(await repository.page("alice", limit=999)) == 700


async def test_one_sweep_deletes_no_more_than_a_share_of_the_jobs(
    harness: RetentionHarness, database: Database, repository: JobRepository
) -> None:
    """A server that starts with a clock that is days ahead believes it, and finds every job expired."""
    await insert_ended(database, 805, expires_at=1.0)
    harness.clock.now_s = 2.0

    await harness.retention.sweep()

    assert len(await repository.page("alice", limit=999)) == 505
    for _ in range(5):
        await harness.retention.sweep()
    assert await repository.page("alice", limit=9) == []


async def test_a_clock_that_jumps_ahead_for_a_while_deletes_nothing(
    database: Database, repository: JobRepository, claims: JobClaims, images: Path
) -> None:
    harness, steady = RetentionHarness(database, repository, claims, images), Clock()
    harness.believe_by(steady)
    job = await harness.make_job(ended_at=1.0)
    await harness.retention.sweep()

    harness.clock.now_s += 2 * KEEP_S
    await harness.retention.sweep()
    assert await harness.exist(job) == [True]

    harness.clock.now_s -= 2 * KEEP_S
    for clock in (harness.clock, steady):
        clock.now_s += KEEP_S + 2.0
    await harness.retention.sweep()
    assert await harness.exist(job) == [False], "time has passed, by both clocks"
