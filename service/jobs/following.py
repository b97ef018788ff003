"""Follows jobs to their ends as sequences of events, whichever process runs them.

It runs the loops that notice what other processes do, and ends all streams of events with the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final, TypeAlias

from service.engine.interface import Engine, Phase
from service.errors import StoreUnavailableError
from service.jobs.execution.runner import Runner
from service.jobs.store.repository import JobRepository
from service.jobs.views import JobView, JobViewer
from service.jobs.watching.channel import Channel
from service.jobs.watching.event_diff import EventDiff, EventId, JobEvent, StreamClosing
from service.jobs.watching.stream_limits import StreamLimits
from service.jobs.watching.subscriptions import JobNotifier
from service.jobs.watching.watcher import Watcher

Told: TypeAlias = tuple[EventId, JobEvent, JobView]
"""An event, the id to resume from after it, and the job at that time."""


class JobFollowing:
    """Follows jobs for callers. All methods belong to one event loop; those that use the store may raise
    `StoreUnavailableError`."""

    def __init__(
        self,
        repository: JobRepository,
        notifier: JobNotifier,
        channel: Channel,
        runner: Runner,
        engine: Engine,
        streams: StreamLimits,
    ) -> None:
        self.notifier: Final = notifier
        self.viewer: Final = JobViewer(repository, runner.live, engine)
        self.streams: Final = streams
        self._repository = repository
        self._channel = channel
        self._runner = runner
        self._engine = engine
        self._watcher = Watcher(notifier, repository.versions, self._position, self._runs_here)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._channel.start(self._hear)
        self._tasks = [asyncio.create_task(self._watcher.run()), asyncio.create_task(self._close_with_engine())]

    async def stop(self) -> None:
        """Ends all streams. Call it after the runner has stopped, so that the other processes hear of its last jobs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.notifier.close()
        await self._channel.stop()

    async def follow(self, job_id: str, tenant: str, diff: EventDiff) -> AsyncGenerator[Told, None]:
        """Yields the events that `diff` has not seen, until the job has ended.

        The last event is `StreamClosing` where the engine stops before. Raises `NotFoundError`, also when the job is
        deleted meanwhile.
        """
        with self.notifier.subscribe(job_id) as subscriber:
            live = self.viewer.live(job_id)
            record = await subscriber.read_first(lambda: self._repository.get(job_id, tenant))
            view, out_of_date = await self.viewer.view(record, live), False
            while True:
                for event_id, event in diff.events(view.record, view.queue_position):
                    yield event_id, event, view
                if view.record.ended:
                    return
                if self.notifier.closed:
                    yield diff.seen, StreamClosing(), view
                    return
                out_of_date |= await subscriber.wait()
                live = self.viewer.live(job_id)
                with contextlib.suppress(StoreUnavailableError):
                    if out_of_date:
                        record = await subscriber.read(lambda: self._repository.get(job_id, tenant))
                    view, out_of_date = self.viewer.quick_view(record, live), False

    async def ended(self, job_id: str, tenant: str) -> JobView | None:
        """Waits for the end of the job and returns the job, or None where the engine stops before.

        Raises `NotFoundError`, and what `streams` raises where too many wait.
        """
        with self.streams.open(tenant):
            async with contextlib.aclosing(self.follow(job_id, tenant, EventDiff())) as events:
                async for _, _, view in events:
                    if view.record.ended:
                        return view
        return None

    def _hear(self, changed: Sequence[str], waiting: bool) -> None:
        """Passes on what other processes announced."""
        for job_id in changed:
            self.notifier.notify_changed_elsewhere(job_id)
        if waiting:
            self._runner.wake()

    def _position(self, job_id: str) -> int | None:
        place = self._repository.known_place(job_id)
        return None if place is None else place.position

    def _runs_here(self, job_id: str) -> bool:
        return self._runner.live(job_id) is not None

    async def _close_with_engine(self) -> None:
        """Ends all streams once the engine has stopped: another server then runs the jobs and reports on them."""
        await self._engine.wait_for_phase(Phase.STOPPED)
        self.notifier.close()
