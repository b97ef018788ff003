"""Orders the waiting jobs of one tenant as they are claimed."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterator
from typing import NamedTuple


class WaitingJob(NamedTuple):
    virtual_deadline_at: float
    """A tenant's jobs are claimed in the order of their virtual deadlines, and then of their ids."""
    id: str
    price_s: float
    """Expected device seconds."""
    spec_bytes: int
    created_at: float
    tenant: str
    image_count: int


class TenantQueue:
    """Knows for each job how much of the tenant's work comes before it."""

    def __init__(self) -> None:
        self._jobs: list[WaitingJob] = []
        self._sums_s: list[float] | None = None
        """Sums of the prices of the first n jobs, for n from 0; None after a job has entered or left."""

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: WaitingJob) -> None:
        bisect.insort(self._jobs, job)
        self._sums_s = None

    def remove(self, job: WaitingJob) -> None:
        """Removes a job that is in the queue."""
        del self._jobs[self.index(job)]
        self._sums_s = None

    def index(self, job: WaitingJob) -> int:
        return bisect.bisect_left(self._jobs, job)

    def first_work_s(self, count: int) -> float:
        """Returns the sum of the prices of the first `count` jobs."""
        return self._sums()[count]

    def starts(self) -> Iterator[tuple[float, WaitingJob]]:
        """Yields the jobs in their order, each with the seconds of the tenant's work before it."""
        return zip(self._sums(), self._jobs, strict=False)

    def count_before(self, work_s: float, job: WaitingJob) -> int:
        """Returns how many jobs start before `work_s` seconds of the tenant's work, or with them and before `job`."""
        sums_s, number = self._sums(), len(self._jobs)
        low, high = bisect.bisect_left(sums_s, work_s, 0, number), bisect.bisect_right(sums_s, work_s, 0, number)
        return bisect.bisect_left(self._jobs, job, low, high)

    def _sums(self) -> list[float]:
        if self._sums_s is None:
            self._sums_s = list(itertools.accumulate((job.price_s for job in self._jobs), initial=0.0))
        return self._sums_s
