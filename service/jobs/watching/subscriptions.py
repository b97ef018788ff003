"""Subscriptions to jobs within this process, and the notifications that something has happened to a job."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from service.errors import QueueFullError

_FULL_RETRY_S: Final = 10.0


class Subscriber:
    """One subscriber to a job.

    Notifications coalesce: however many arrive between two waits, the subscriber looks at the job once.
    """

    def __init__(self) -> None:
        self._notified = asyncio.Event()
        self._record_changed = False

    def notify(self, *, record_changed: bool) -> None:
        self._record_changed |= record_changed
        self._notified.set()

    async def wait(self, timeout_s: float) -> bool:
        """Waits for a notification. Returns whether the record must be read again, as after a timeout."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._notified.wait()
        except TimeoutError:
            return True
        self._notified.clear()
        changed, self._record_changed = self._record_changed, False
        return changed


class JobNotifier:
    """Passes notifications about jobs to their subscribers. All methods belong to one event loop."""

    def __init__(self, max_subscribers: int) -> None:
        self._max_subscribers = max_subscribers
        self._count = 0
        self._subscribers: dict[str, set[Subscriber]] = {}

    @contextlib.contextmanager
    def subscribe(self, job_id: str) -> Iterator[Subscriber]:
        """Raises `QueueFullError` where the maximum number of subscribers is reached."""
        if self._count == self._max_subscribers:
            raise QueueFullError("Too many clients are following jobs. Try again later.", retry_after_s=_FULL_RETRY_S)
        subscriber = Subscriber()
        self._count += 1
        self._subscribers.setdefault(job_id, set()).add(subscriber)
        try:
            yield subscriber
        finally:
            self._count -= 1
            self._subscribers[job_id].discard(subscriber)
            if not self._subscribers[job_id]:
                del self._subscribers[job_id]

    def notify(self, job_id: str, *, record_changed: bool) -> None:
        """Wakes the job's subscribers.

        `record_changed` tells whether the stored record has changed, or only the live state in this process.
        """
        for subscriber in self._subscribers.get(job_id, ()):
            subscriber.notify(record_changed=record_changed)
