"""Knows the number, the order and the work of the waiting jobs without reading the database.

The store holds the truth. This copy tells without a query how much room the queue has, which place a job has, and which
jobs are next. Tenants take turns by the price of the jobs that were claimed for them and by their weights, as
they do on the device; within a tenant the virtual deadline decides. The process keeps it up to date with what it does
itself, and `replace` with what other processes have done.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from service.engine.scheduling.fair_share import FairShare
from service.jobs.store.queue.tenant_queue import TenantQueue, WaitingJob


class QueuePlace(NamedTuple):
    """The place of a waiting job in the queue."""

    position: int
    """Number of the waiting jobs before it."""
    work_s: float
    """Sum of their prices and its own, in device seconds."""


class QueueTotals(NamedTuple):
    """Sums over all waiting jobs."""

    jobs: int
    price_s: float
    spec_bytes: int


class WaitingJobs:
    """This process's copy of the queue. All methods belong to one event loop."""

    def __init__(self, shares: FairShare | None = None) -> None:
        """`shares` decides which tenant is next."""
        self._shares = shares or FairShare()
        self._jobs: dict[str, WaitingJob] = {}
        self._queues: dict[str, TenantQueue] = {}
        self._entering: dict[str, WaitingJob] = {}
        self._changed_since: dict[str, WaitingJob | None] = {}
        """Jobs that entered, and None for jobs that left, since the last snapshot of the store was begun."""
        self._price_s = 0.0
        self._spec_bytes = 0

    def totals(self) -> QueueTotals:
        return QueueTotals(len(self._jobs), self._price_s, self._spec_bytes)

    def count(self, tenant: str) -> int:
        """Returns the number of the tenant's waiting jobs."""
        return len(self._queues.get(tenant, ()))

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def oldest_created_at(self) -> float | None:
        return min((job.created_at for job in self._jobs.values()), default=None)

    def place(self, job_id: str) -> QueuePlace | None:
        """Returns the place of a job, or None where it does not wait, as far as this process knows."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        own = self._queues[job.tenant]
        start_s = self._start_s(job.tenant, own.first_work_s(own.index(job)))
        position, work_s = 0, job.price_s
        for tenant, queue in self._queues.items():
            others_s = self._shares.served_s(tenant, start_s - self._shares.start_tag_s(tenant))
            count = own.index(job) if queue is own else queue.count_before(others_s, job)
            position += count
            work_s += queue.first_work_s(count)
        return QueuePlace(position, work_s)

    def first(self, limit: int, images: int) -> list[str]:
        """Returns the ids of up to `limit` jobs that are next, until they have `images` images."""
        chosen: list[str] = []
        for _, job in heapq.merge(*(self._starts(tenant) for tenant in self._queues)):
            if len(chosen) == limit or images <= 0:
                break
            chosen.append(job.id)
            images -= job.image_count
        return chosen

    def claim(self, job_ids: Collection[str]) -> None:
        """Removes jobs that this process has claimed, and charges their tenants for them."""
        claimed = [self._jobs[job_id] for job_id in job_ids if job_id in self._jobs]
        served_s: dict[str, float] = {}
        for job in claimed:
            served_s[job.tenant] = served_s.get(job.tenant, 0.0) + job.price_s
        self._shares.charge(served_s, self._queues)
        for job_id in job_ids:
            self.remove(job_id)

    @contextlib.contextmanager
    def entering(self, job: WaitingJob) -> Iterator[None]:
        """Counts a job while it is being recorded, and from then on. It leaves again where the block raises."""
        self._entering[job.id] = job
        self.add(job)
        try:
            yield
        except BaseException:
            self.remove(job.id)
            raise
        finally:
            del self._entering[job.id]

    def add(self, job: WaitingJob) -> None:
        self._changed_since[job.id] = job
        self._add(job)

    def remove(self, job_id: str) -> None:
        """Removes a job that was claimed, ended or deleted, if it is in the queue."""
        self._changed_since[job_id] = None
        self._remove(job_id)

    def begin_snapshot(self) -> None:
        """Call it before the waiting jobs are read from the store."""
        self._changed_since.clear()

    def replace(self, snapshot: Iterable[WaitingJob]) -> None:
        """Replaces the jobs by those that were read since `begin_snapshot`, and repeats the changes made meanwhile."""
        self._jobs = {job.id: job for job in snapshot} | self._entering
        for job_id, job in self._changed_since.items():
            if job is None:
                self._jobs.pop(job_id, None)
            else:
                self._jobs[job_id] = job
        self._queues = {}
        self._price_s, self._spec_bytes = 0.0, 0
        for job in sorted(self._jobs.values()):
            self._enter(job)

    def _add(self, job: WaitingJob) -> None:
        if job.id not in self._jobs:
            self._jobs[job.id] = job
            self._enter(job)

    def _enter(self, job: WaitingJob) -> None:
        self._queues.setdefault(job.tenant, TenantQueue()).add(job)
        self._price_s += job.price_s
        self._spec_bytes += job.spec_bytes

    def _remove(self, job_id: str) -> None:
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        queue = self._queues[job.tenant]
        queue.remove(job)
        if not queue:
            del self._queues[job.tenant]
        self._price_s = self._price_s - job.price_s if self._jobs else 0.0
        self._spec_bytes -= job.spec_bytes

    def _starts(self, tenant: str) -> Iterator[tuple[float, WaitingJob]]:
        """Yields the tenant's jobs in their order, each with the virtual time at which its service starts."""
        return ((self._start_s(tenant, work_s), job) for work_s, job in self._queues[tenant].starts())

    def _start_s(self, tenant: str, work_s: float) -> float:
        """Returns the virtual time at which the tenant's service after `work_s` seconds of its work starts."""
        return self._shares.start_tag_s(tenant) + self._shares.virtual_s(tenant, work_s)
