"""Who in this process follows which job, and the word that something has happened to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from service.errors import QueueFullError

_FULL_RETRY_S: Final = 10.0


class Subscriber:
    """One reader of a job's news. News that it has not yet taken are one: it looks at how things stand."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._record_changed = False

    def tell(self, *, record_changed: bool) -> None:
        self._record_changed |= record_changed
        self._news.set()

    async def wait(self, timeout_s: float) -> bool:
        """Until there are news; whether the record is to be read again, as after a silence of `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return True
        self._news.clear()
        changed, self._record_changed = self._record_changed, False
        return changed


class JobNotifier:
    """All methods belong to one event loop."""

    def __init__(self, max_subscribers: int) -> None:
        self._max_followers = max_subscribers
        self._count = 0
        self._followers: dict[str, set[Subscriber]] = {}

    @contextlib.contextmanager
    def follow(self, job_id: str) -> Iterator[Subscriber]:
        """Raises `QueueFullError` where too many follow already."""
        if self._count == self._max_followers:
            raise QueueFullError("Too many follow jobs already.", retry_after_s=_FULL_RETRY_S)
        follower = Subscriber()
        self._count += 1
        self._followers.setdefault(job_id, set()).add(follower)
        try:
            yield follower
        finally:
            self._count -= 1
            self._followers[job_id].discard(follower)
            if not self._followers[job_id]:
                del self._followers[job_id]

    def tell(self, job_id: str, *, record_changed: bool) -> None:
        """`record_changed` where the store has something new, and not only the process that runs the job."""
        for follower in self._followers.get(job_id, ()):
            follower.tell(record_changed=record_changed)
