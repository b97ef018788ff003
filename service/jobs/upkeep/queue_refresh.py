"""Keeps what this process knows of the queue, and of the time, up to date with what other processes do."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from service.jobs.background import log_and_continue
from service.jobs.store.database import Database
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.observability.store_metrics import QueueTotals

_PAUSE_S: Final = 1.0
_SHARE: Final = 0.05
"""Share of the time that may go into reading the queue: the longer it is, the less often it is read."""


class QueueRefresh:
    """All methods belong to one event loop."""

    def __init__(self, database: Database, repository: JobRepository, waiting: WaitingJobs) -> None:
        self._database = database
        self._repository = repository
        self._waiting = waiting
        self._leased = 0

    async def run(self) -> None:
        """Reads the queue again and again until canceled."""
        while True:
            begun = time.monotonic()
            with log_and_continue("reading the queue"):
                await self.refresh()
            await asyncio.sleep(max(_PAUSE_S, (time.monotonic() - begun) / _SHARE))

    async def refresh(self) -> None:
        """Raises `StoreUnavailableError`."""
        await self._database.probe_lock()
        await self._database.learn_time()
        await self._repository.refresh_waiting()
        self._leased = await self._repository.count_running()

    def totals(self) -> QueueTotals:
        """Returns the sums that the metrics show, without a look at the store."""
        waiting, oldest = self._waiting.totals(), self._waiting.oldest_created_at()
        return QueueTotals(
            queued=waiting.jobs,
            queued_s=waiting.price_s,
            oldest_s=0.0 if oldest is None else max(0.0, self._database.clock.now() - oldest),
            leased=self._leased,
        )
