"""Counts a tenant's unfinished jobs from what this process knows, without a query for each request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from service.jobs.store.queue.waiting_jobs import WaitingJobs


class UnfinishedJobs:
    """Knows at once the jobs that wait or run here, and with the next refresh those that run in other processes."""

    def __init__(self, waiting: WaitingJobs) -> None:
        self._waiting = waiting
        self.running_here: Callable[[], Mapping[str, str]] = dict
        """Returns the jobs that this process makes: the tenant of each id. There are none until it is set."""
        self._elsewhere: Counter[str] = Counter()

    def of(self, tenant: str) -> int:
        here = sum(each == tenant for each in self.running_here().values())
        return self._waiting.count(tenant) + here + self._elsewhere[tenant]

    def replace_elsewhere(self, running: Mapping[str, str]) -> None:
        """Takes over the jobs that other processes make: the tenant of each id."""
        self._elsewhere = Counter(running.values())
