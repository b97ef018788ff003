"""Notices for all subscribers together that other processes change their jobs, and that waiting jobs move up.

One query tells which records have changed, and only the subscribers of those jobs read anything. Places in the queue
come from memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from service.jobs.background import log_and_continue
from service.jobs.records import JobVersion, Status
from service.jobs.watching.subscriptions import JobNotifier

_TICK_S: Final = 1.0
_TICKS_WHILE_TOLD: Final = 5
"""Ticks between two queries while the other processes announce their changes."""

ReadVersions: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, JobVersion]]]
"""Returns the versions of jobs by their ids, without those of jobs that were deleted."""


class Watcher:
    """Watches the followed jobs. All methods belong to one event loop."""

    def __init__(
        self,
        notifier: JobNotifier,
        read_versions: ReadVersions,
        position: Callable[[str], int | None],
        runs_here: Callable[[str], bool],
    ) -> None:
        """`position` returns the place of a waiting job in the queue, or None where it is not known without a query."""
        self._notifier = notifier
        self._read_versions = read_versions
        self._position = position
        self._runs_here = runs_here
        self._ticks_to_look = 0

    async def run(self) -> None:
        """Watches until it is canceled."""
        while True:
            with log_and_continue("watching jobs"):
                await self.tick()
            await asyncio.sleep(_TICK_S)

    async def tick(self) -> None:
        """Notifies subscribers of new places and, where the other processes do not announce them, of changes.

        May raise `StoreUnavailableError`.
        """
        self._tell_places()
        self._ticks_to_look -= 1
        if self._ticks_to_look <= 0 or not self._notifier.hears_others:
            # Decided before the query, so that one more follows once the others have begun to be heard.
            self._ticks_to_look = _TICKS_WHILE_TOLD if self._notifier.hears_others else 0
            await self._look()

    def _tell_places(self) -> None:
        for record in self._notifier.followed():
            if record.status is Status.QUEUED:
                position = self._position(record.id)
                if position is not None:
                    self._notifier.notify_place(record.id, position)

    async def _look(self) -> None:
        known = {
            record.id: JobVersion.of(record)
            for record in self._notifier.followed()
            if not (record.ended or self._runs_here(record.id))
        }
        if not known:
            return
        versions = await self._read_versions(list(known))
        for job_id, version in known.items():
            if versions.get(job_id) != version:  # A deleted job has none.
                self._notifier.notify_changed_elsewhere(job_id)
