"""The jobs that wait, as this process knows them: their number, their order and their work. Reads no database.

The store holds the truth. This copy of it answers how much room the queue has and where a job stands, for every caller
and follower, without a query. The process keeps it up to date with what it does itself, and `replace` with what other
processes have done.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class WaitingJob(NamedTuple):
    virtual_deadline_at: float
    """Jobs are claimed in the order of their virtual deadlines, and those of one deadline in the order of their ids."""
    id: str
    price_s: float
    """Expected device seconds."""
    spec_bytes: int
    created_at: float
    tenant: str


class QueuePlace(NamedTuple):
    """Where a waiting job stands in the queue."""

    position: int
    """Number of the waiting jobs that come before it."""
    work_s: float
    """Sum of their prices and its own, in device seconds."""


class QueueTotals(NamedTuple):
    """Sums over all waiting jobs."""

    jobs: int
    price_s: float
    spec_bytes: int


class WaitingJobs:
    """All methods belong to one event loop."""

    def __init__(self) -> None:
        self._jobs: dict[str, WaitingJob] = {}
        self._order: list[WaitingJob] = []
        self._entering: dict[str, WaitingJob] = {}
        self._changed_since: dict[str, WaitingJob | None] = {}
        """Jobs that entered or left, the latter as None, since the last snapshot of the store was begun."""
        self._price_s = 0.0
        self._spec_bytes = 0
        self._tenants: Counter[str] = Counter()
        self._work_s: list[float] | None = None
        """Sum of the prices up to each place of the order, until the order changes."""

    def totals(self) -> QueueTotals:
        return QueueTotals(len(self._jobs), self._price_s, self._spec_bytes)

    def count(self, tenant: str) -> int:
        """Returns the number of the tenant's waiting jobs."""
        return self._tenants[tenant]

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def oldest_created_at(self) -> float | None:
        return min((job.created_at for job in self._jobs.values()), default=None)

    def place(self, job_id: str) -> QueuePlace | None:
        """Returns the place of a job, or None where it does not wait, as far as this process knows."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        if self._work_s is None:
            self._work_s = list(itertools.accumulate(each.price_s for each in self._order))
        position = bisect.bisect_left(self._order, job)
        return QueuePlace(position, self._work_s[position])

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
        """Takes out a job that was claimed, ended or deleted, if it is there."""
        self._changed_since[job_id] = None
        self._remove(job_id)

    def begin_snapshot(self) -> None:
        """Call it before the waiting jobs are read from the store."""
        self._changed_since.clear()

    def replace(self, snapshot: Iterable[WaitingJob]) -> None:
        """Takes over what was read since `begin_snapshot`, and repeats what has changed meanwhile."""
        self._jobs = {job.id: job for job in snapshot} | self._entering
        for job_id, job in self._changed_since.items():
            if job is None:
                self._jobs.pop(job_id, None)
            else:
                self._jobs[job_id] = job
        self._order = sorted(self._jobs.values())
        self._price_s = sum(job.price_s for job in self._order)
        self._spec_bytes = sum(job.spec_bytes for job in self._order)
        self._tenants = Counter(job.tenant for job in self._order)
        self._work_s = None

    def _add(self, job: WaitingJob) -> None:
        if job.id in self._jobs:
            return
        self._jobs[job.id] = job
        bisect.insort(self._order, job)
        self._count(job, 1)

    def _remove(self, job_id: str) -> None:
        job = self._jobs.pop(job_id, None)
        if job is not None:
            del self._order[bisect.bisect_left(self._order, job)]
            self._count(job, -1)

    def _count(self, job: WaitingJob, number: int) -> None:
        self._price_s = self._price_s + number * job.price_s if self._jobs else 0.0
        self._spec_bytes += number * job.spec_bytes
        self._tenants[job.tenant] += number
        if not self._tenants[job.tenant]:
            del self._tenants[job.tenant]
        self._work_s = None
