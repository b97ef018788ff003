"""Servers of one store agree on when a lease ends, whatever their wall clocks show."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, event

from service.jobs.records import Status
from service.jobs.store.access.clock import StoreClock, since_boot
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import CLAIM_POLICY, LEASE_S, accept
from tests.service.jobs.store.test_database import only_sqlite

HOUR_S = 3600.0


def shifted(seconds: float) -> Callable[[], float]:
    return lambda: time.time() + seconds


class Server:
    """A process that runs jobs, on a host whose wall clock is wrong by `wrong_s`."""

    def __init__(self, name: str, database: Database, *, wrong_s: float) -> None:
        self.clock = StoreClock(shared=not database.is_sqlite, wall=shifted(wrong_s))
        self._name, self._database = name, database
        self._claims = JobClaims(database, CLAIM_POLICY, WaitingJobs())

    async def claim(self, limit: int = 99) -> list[str]:
        if not self._database.is_sqlite:
            await self._database.scan(self.clock.learn)
        taken = await self._claims.claim(
            self._name, now=self.clock.now(), lease_now=self.clock.lease_now(), limit=limit
        )
        return [claim.job_id for claim in taken]


@pytest.mark.parametrize("wrong_s", [30.0, -30.0, HOUR_S, -24 * HOUR_S])
async def test_servers_whose_clocks_differ_take_no_job_from_each_other(
    repository: JobRepository, database: Database, wrong_s: float
) -> None:
    one, two = Server("one", database, wrong_s=0.0), Server("two", database, wrong_s=wrong_s)
    jobs = await accept(repository, 24)

    assert await two.claim(limit=12) == jobs[:12]
    assert await one.claim() == jobs[12:]
    assert (await one.claim(), await two.claim()) == ([], [])


async def test_a_lease_that_a_clock_an_hour_ahead_has_written_does_not_hold_a_job(
    repository: JobRepository, claims: JobClaims
) -> None:
    (job_id,) = await accept(repository)
    await claims.claim("hasty", now=HOUR_S, limit=1)

    assert [claim.job_id for claim in await claims.claim("right", now=1.0, limit=1)] == [job_id]


async def test_a_lease_is_kept_while_it_is_within_its_length(repository: JobRepository, claims: JobClaims) -> None:
    (job_id,) = await accept(repository)
    await claims.claim("one", now=5.0, limit=1)

    assert await claims.claim("two", now=5.0, limit=1) == []
    assert await claims.claim("two", now=5.0 + LEASE_S, limit=1) == []
    assert (await repository.get(job_id, "alice")).status is Status.RUNNING


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_shared_store_goes_by_the_databases_clock(database: Database) -> None:
    clock = StoreClock(shared=True, wall=shifted(HOUR_S))
    assert abs(clock.now() - time.time() - HOUR_S) < 60, "before the database was asked"

    await database.scan(clock.learn)

    assert abs(clock.now() - time.time()) < 60
    assert abs(clock.lease_now() - time.time()) < 60


@only_sqlite
async def test_the_leases_of_a_host_go_by_the_time_since_its_boot(database: Database) -> None:
    clock = StoreClock(shared=False, wall=shifted(HOUR_S))

    await database.scan(clock.learn)

    assert abs(clock.now() - time.time() - HOUR_S) < 60
    assert abs(clock.lease_now() - since_boot()) < 60


def test_an_answer_that_took_long_does_not_set_the_clock() -> None:
    """The database's clock is the constant 7 here, and each look at the steady clock takes five seconds."""
    looks = itertools.count(0.0, 5.0)
    clock = StoreClock(shared=True, wall=lambda: 3.0, steady=lambda: next(looks))
    engine = create_engine("sqlite://")
    event.listen(engine, "before_cursor_execute", lambda *call: ("SELECT 7.0", ()), retval=True)
    with engine.connect() as connection:
        clock.learn(connection)

    assert clock.now() == 3.0
