"""Each job has one holder and one end, in whichever order two processes claim, renew and end jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import URL, delete

from service.jobs.records import TERMINAL, Claim, JobRecord, Status
from service.jobs.store.claims import JobClaims, LostError
from service.jobs.store.database import Database
from service.jobs.store.queue.losses import MAX_LOSSES, SUSPECT_LOSSES
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.store.tables import jobs
from tests.harness.sample_jobs import CLAIM_POLICY, LEASE_S, LIVE, REPOSITORY_POLICY, UNBEGUN, make_job

T = TypeVar("T")

owners = st.sampled_from(["one", "two"])


@dataclass(slots=True)
class Expected:
    """The expected state of a job."""

    order: tuple[int, str]
    """Waiting jobs are claimed in this order."""
    status: Status = Status.QUEUED
    losses: int = 0
    begun: bool = False
    """Whether its holder has recorded that an image was begun."""
    owner: str = ""
    lease_until: float = 0.0
    claim: Claim | None = None
    """The valid claim, if the job runs."""

    def end(self, status: Status) -> None:
        self.status, self.claim = status, None


class Store:
    """A store that all sequences of operations use, with its event loop."""

    def __init__(self, url: URL) -> None:
        self.loop = asyncio.Runner()
        self.database = Database(url)
        self.waiting = WaitingJobs()
        self.repository = JobRepository(self.database, REPOSITORY_POLICY, self.waiting)
        self.claims = JobClaims(self.database, CLAIM_POLICY, self.waiting)

    def run(self, operation: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(operation)

    async def empty(self) -> None:
        await self.database.write(lambda connection: connection.execute(delete(jobs)))
        await self.repository.refresh_waiting()

    def close(self) -> None:
        self.run(self.database.close())
        self.loop.close()


class AnyOperations(RuleBasedStateMachine):
    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.now = 0.0
        self.expected: dict[str, Expected] = {}
        self.given: list[Claim] = []
        """All claims that were ever given."""
        self.records: dict[str, JobRecord] = {}
        """The records after the last operation."""
        store.run(store.empty())

    @rule(virtual_deadline_at=st.integers(0, 2), letter=st.sampled_from("abc"))
    def accept(self, virtual_deadline_at: int, letter: str) -> None:
        # Jobs with equal deadlines are ordered by id, so the id must be the same when Hypothesis repeats a sequence.
        job = make_job(f"job_{letter}{len(self.expected)}", virtual_deadline_at=virtual_deadline_at)
        self.store.run(self.store.repository.create(job, now=self.now))
        self.expected[job.id] = Expected((virtual_deadline_at, job.id))

    @rule(seconds=st.sampled_from([1.0, LEASE_S / 2, LEASE_S, 2 * LEASE_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(owner=owners, limit=st.integers(1, 3))
    def claim(self, owner: str, limit: int) -> None:
        lost = [
            job
            for job in self.expected.values()
            if job.status is Status.RUNNING and job.lease_until < self.now and job.owner != owner
        ]
        for job in lost:
            job.losses += job.begun
            job.end(Status.FAILED if job.begun and job.losses == MAX_LOSSES else Status.QUEUED)
        free = sorted((job for job in self.expected.values() if job.status is Status.QUEUED), key=lambda job: job.order)
        if free and free[0].losses >= SUSPECT_LOSSES:
            free = free[:1]
        else:
            free = [job for job in free if job.losses < SUSPECT_LOSSES][:limit]

        taken = self.store.run(self.store.claims.claim(owner, now=self.now, limit=limit))

        assert [claim.job_id for claim in taken] == [job.order[1] for job in free]
        for job, claim in zip(free, taken, strict=True):
            job.status, job.claim, job.begun = Status.RUNNING, claim, False
            job.owner, job.lease_until = owner, self.now + LEASE_S
            self.given.append(claim)

    @precondition(lambda self: self.given)
    @rule(data=st.data(), begun=st.booleans())
    def beat(self, data: st.DataObject, begun: bool) -> None:
        self.heartbeat(data.draw(st.lists(st.sampled_from(self.given), unique=True)), begun=begun)

    @rule(times=st.sampled_from([1, MAX_LOSSES, MAX_LOSSES + 1]), begun=st.booleans())
    def kill(self, times: int, begun: bool) -> None:
        """Processes claim jobs, one process after the other, and are killed."""
        for number in range(times):
            self.claim(("one", "two")[number % 2], 3)
            self.heartbeat([claim for claim in self.given if self.holds(claim)], begun=begun)
            self.now += 2 * LEASE_S

    def heartbeat(self, beating: list[Claim], *, begun: bool) -> None:
        live = LIVE if begun else UNBEGUN

        lost = self.store.run(self.store.claims.heartbeat(dict.fromkeys(beating, live), now=self.now))

        assert lost == {claim for claim in beating if not self.holds(claim)}
        for claim in set(beating) - lost:
            job = self.expected[claim.job_id]
            job.lease_until, job.begun = self.now + LEASE_S, job.begun or begun

    @precondition(lambda self: self.given)
    @rule(data=st.data(), status=st.sampled_from([Status.SUCCEEDED, Status.FAILED]))
    def finish(self, data: st.DataObject, status: Status) -> None:
        claim = data.draw(st.sampled_from(self.given))
        if self.write(claim, self.store.claims.finish(claim, status, version=9, now=self.now)):
            self.expected[claim.job_id].end(status)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.given))
        if self.write(claim, self.store.claims.release(claim)):
            self.expected[claim.job_id].end(Status.QUEUED)

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.expected)))
        self.store.run(self.store.repository.cancel(job_id, "alice", now=self.now))
        if self.expected[job_id].status not in TERMINAL:
            self.expected[job_id].end(Status.CANCELED)

    def holds(self, claim: Claim) -> bool:
        return self.expected[claim.job_id].claim is claim

    def write(self, claim: Claim, writing: Coroutine[Any, Any, None]) -> bool:
        """Returns whether the store accepted the write, which it must do only for the holder."""
        try:
            self.store.run(writing)
        except LostError:
            assert not self.holds(claim)
            return False
        assert self.holds(claim)
        return True

    @invariant()
    def the_store_holds_what_is_expected(self) -> None:
        records = {record.id: record for record in self.store.run(self.store.repository.page("alice", limit=99))}

        assert {job_id: record.status for job_id, record in records.items()} == {
            job_id: job.status for job_id, job in self.expected.items()
        }
        for job_id, before in self.records.items():
            now = records[job_id]
            assert now == before if before.ended else (now.attempt, now.version) >= (before.attempt, before.version)
        self.records = records


def test_each_job_has_one_holder_and_one_end(sqlite_url: URL) -> None:
    store = Store(sqlite_url)

    class OperationsOnThisStore(AnyOperations):
        def __init__(self) -> None:
            super().__init__(store)

    run_state_machine_as_test(
        OperationsOnThisStore,
        settings=settings(
            max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
    store.close()
