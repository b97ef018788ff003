"""Keeps one process's accounts of the tenants: their unfinished jobs, stored bytes and open allowances."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.row_mapping import NewJob
from service.jobs.tenants.allowance import Allowance, OpenAllowances
from service.jobs.tenants.stored_bytes import StoredBytes
from service.jobs.tenants.unfinished import UnfinishedJobs


class EndedJob(NamedTuple):
    """A job that this process has made to its end."""

    id: str
    tenant: str
    used_s: float
    """Device seconds that it has used."""
    stored_bytes: int
    """Bytes of the images that were stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantAccounts:
    waiting: WaitingJobs
    unfinished: UnfinishedJobs
    allowances: OpenAllowances
    stored: StoredBytes

    @contextlib.contextmanager
    def admitting(self, job: NewJob, allowance: Allowance, backlog_s: float) -> Iterator[Callable[[], None]]:
        """Yields a function that admits the job, or raises what `allowance` raises. It leaves where the block raises.

        `backlog_s` is the engine's work in device seconds. It comes before the job, as the waiting jobs do.
        """

        def admit() -> None:
            ends_in_s = backlog_s + self.waiting.totals().price_s + job.price_s
            allowance.enter(job.price_s, unfinished_jobs=self.unfinished.of(job.tenant), ends_in_s=ends_in_s)
            self.allowances.add(job.id, allowance)

        try:
            yield admit
        except BaseException:
            self.allowances.leave(job.id, 0.0)
            raise

    def ended(self, job: EndedJob) -> None:
        """Settles the allowance of a job, and counts the bytes that it has stored."""
        self.allowances.leave(job.id, job.used_s)
        self.stored.add(job.tenant, job.stored_bytes)

    def refresh(self, running: Mapping[str, str], had_here: Mapping[str, str]) -> None:
        """Takes over the running jobs, which were just read from the store: the tenant of each id.

        `had_here` are the jobs that this process made before it asked. Ends the allowances of jobs that other processes
        have ended.
        """
        here = {**had_here, **self.unfinished.running_here()}
        self.unfinished.replace_elsewhere({job: tenant for job, tenant in running.items() if job not in here})
        self.allowances.leave_all_but(lambda job: job in self.waiting or job in running or job in here)
