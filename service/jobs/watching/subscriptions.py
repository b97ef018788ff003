"""Subscriptions to jobs within this process, and the notifications that something has happened to a job."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from service.jobs.records import JobRecord, JobVersion
from service.jobs.watching.channel import Channel, NoChannel


class _Read(NamedTuple):
    changes: int
    """Number of changes that had been notified when the reading began."""
    record: JobRecord


@dataclass(slots=True, eq=False)
class _Followed:
    """A job with subscribers."""

    subscribers: set[Subscriber] = field(default_factory=set)
    changes: int = 0
    """Number of notifications so far that the record has changed."""
    last_read: _Read | None = None
    position: int | None = None
    """The place in the queue that the subscribers were last told."""
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Subscriber:
    """One subscriber to a job.

    Notifications coalesce: however many arrive between two waits, the subscriber looks at the job once.
    """

    def __init__(self, job: _Followed) -> None:
        self._job = job
        self._notified = asyncio.Event()
        self._record_changed = False

    def notify(self, *, record_changed: bool) -> None:
        self._record_changed |= record_changed
        self._notified.set()

    async def wait(self) -> bool:
        """Waits for a notification. Returns whether the record must be read again."""
        await self._notified.wait()
        self._notified.clear()
        changed, self._record_changed = self._record_changed, False
        return changed

    async def read_first(self, load: Callable[[], Awaitable[JobRecord]]) -> JobRecord:
        """Returns the record that `load` reads. Notifies the other subscribers if it is new to them."""
        job, changes = self._job, self._job.changes
        record = await load()
        if job.last_read is not None and JobVersion.of(job.last_read.record) != JobVersion.of(record):
            for other in job.subscribers - {self}:
                other.notify(record_changed=True)
        job.last_read = _Read(changes, record)
        return record

    async def read(self, load: Callable[[], Awaitable[JobRecord]]) -> JobRecord:
        """Returns the record as it is after all notifications so far. The subscribers of a job share what `load` reads.

        Raises what `load` raises.
        """
        job = self._job
        async with job.reading:
            changes = job.changes
            if job.last_read is None or job.last_read.changes < changes:
                job.last_read = _Read(changes, await load())
            return job.last_read.record


class JobNotifier:
    """Passes notifications about jobs to their subscribers. All methods belong to one event loop."""

    def __init__(self, channel: Channel | None = None) -> None:
        """`channel` tells the other processes on the store what this one did."""
        self._channel = channel or NoChannel()
        self._jobs: dict[str, _Followed] = {}
        self._listeners: list[Callable[[], object]] = []
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether this process has stopped following jobs."""
        return self._closed

    @property
    def hears_others(self) -> bool:
        """Whether this process is told at once what the others do. Otherwise it must poll."""
        return self._channel.listening

    @contextlib.contextmanager
    def subscribe(self, job_id: str) -> Iterator[Subscriber]:
        job = self._jobs.setdefault(job_id, _Followed())
        subscriber = Subscriber(job)
        job.subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            job.subscribers.discard(subscriber)
            if not job.subscribers:
                del self._jobs[job_id]

    def listen(self, listener: Callable[[], object]) -> None:
        """Calls `listener` whenever this process hears that the record of a job has changed."""
        self._listeners.append(listener)

    def followed(self) -> list[JobRecord]:
        """Returns the records of the jobs with subscribers, as last read for them."""
        return [job.last_read.record for job in self._jobs.values() if job.last_read is not None]

    def notify(self, job_id: str, *, record_changed: bool) -> None:
        """Wakes the job's subscribers.

        `record_changed` tells whether this process has changed the stored record, or only its live state. Where it has,
        the other processes are told.
        """
        self._wake(job_id, record_changed=record_changed)
        if record_changed:
            self._channel.announce(job_id)

    def notify_changed_elsewhere(self, job_id: str) -> None:
        """Wakes the job's subscribers after another process has changed its record."""
        self._wake(job_id, record_changed=True)

    def notify_place(self, job_id: str, position: int) -> None:
        """Wakes the subscribers of a waiting job if its place in the queue has changed."""
        job = self._jobs.get(job_id)
        if job is not None and job.position != position:
            job.position = position
            self._wake(job_id, record_changed=False)

    def announce_progress(self, job_id: str) -> None:
        """Tells the other processes that the job's progress was recorded. The subscribers here know it already."""
        self._channel.announce(job_id)

    def announce_waiting(self) -> None:
        """Tells the other processes that a job waits to be run."""
        self._channel.announce_waiting()

    def close(self) -> None:
        """Wakes all subscribers for the last time."""
        self._closed = True
        for job_id in self._jobs:
            self._wake(job_id, record_changed=False)

    def _wake(self, job_id: str, *, record_changed: bool) -> None:
        for listener in self._listeners if record_changed else ():
            listener()
        job = self._jobs.get(job_id)
        if job is None:
            return
        job.changes += record_changed
        for subscriber in job.subscribers:
            subscriber.notify(record_changed=record_changed)
