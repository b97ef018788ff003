"""Counts a tenant's unfinished jobs from what this process knows, without a query for each request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from service.jobs.store.queue.waiting_jobs import WaitingJobs


class UnfinishedJobs:
    """The waiting jobs and those that run here are known at once, those of other processes with the next refresh."""

    def __init__(self, waiting: WaitingJobs) -> None:
        self._waiting = waiting
        self.running_here: Callable[[], Mapping[str, str]] = dict
        """Returns the jobs that this process makes: the tenant of each id. There are none until it is set."""
        self._elsewhere: Counter[str] = Counter()

    def of(self, tenant: str) -> int:
        here = sum(each == tenant for each in self.running_here().values())
        return self._waiting.count(tenant) + here + self._elsewhere[tenant]

    def replace_elsewhere(self, running: Mapping[str, str]) -> None:
        """Takes over whose jobs other processes make: the tenant of each id."""
        self._elsewhere = Counter(running.values())
