"""Keeps this process's copy of the queue, and its time, up to date with what other processes do."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from service.jobs.background import log_and_continue
from service.jobs.store.database import Database
from service.jobs.store.repository import JobRepository
from service.jobs.tenants.accounts import TenantAccounts
from service.observability.store_metrics import QueueTotals

_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 5.0
_SHARE: Final = 0.05
"""Share of the time that may be spent on reading the queue: a longer queue is read less often."""


class QueueRefresh:
    """Refreshes the copy of one process. All methods belong to one event loop."""

    def __init__(self, database: Database, repository: JobRepository, accounts: TenantAccounts) -> None:
        self._database = database
        self._repository = repository
        self._accounts = accounts
        self._waiting = accounts.waiting
        self._leased = 0

    async def run(self) -> None:
        """Reads the queue again and again until canceled."""
        while True:
            took_s = 0.0
            with log_and_continue("reading the queue"):
                await self._database.probe_lock()
                took_s = await self.refresh()
            await asyncio.sleep(min(max(_PAUSE_S, took_s / _SHARE), _LONGEST_PAUSE_S))

    async def refresh(self) -> float:
        """Reads the time, the waiting jobs and the running jobs. Returns the seconds that it took.

        Raises `StoreUnavailableError`.
        """
        begun = time.monotonic()
        await self._database.learn_time()
        await self._repository.refresh_waiting()
        had_here = self._accounts.unfinished.running_here()
        running = await self._repository.running()
        self._leased = len(running)
        self._accounts.refresh(running, had_here)
        return time.monotonic() - begun

    def totals(self) -> QueueTotals:
        """Returns the sums that the metrics show, without reading the store."""
        waiting, oldest = self._waiting.totals(), self._waiting.oldest_created_at()
        return QueueTotals(
            queued=waiting.jobs,
            queued_s=waiting.price_s,
            oldest_s=0.0 if oldest is None else max(0.0, self._database.clock.now() - oldest),
            leased=self._leased,
        )
