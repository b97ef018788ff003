"""A base class for jobs that wrap another job."""

from __future__ import annotations

from collections.abc import AsyncIterator

from service.engine.interface import ImageEvent, ImageFinished, Job


class JobWrapper:
    """Implements `Job` by passing every call on to the wrapped job. Subclasses override what they add to."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @property
    def id(self) -> str:
        return self._job.id

    @property
    def used_s(self) -> float:
        return self._job.used_s

    def events(self) -> AsyncIterator[ImageEvent]:
        return self._job.events()

    async def result(self) -> list[ImageFinished]:
        """Collects the finished images from `events`, so that a subclass need not override it."""
        finished = [event async for event in self.events() if isinstance(event, ImageFinished)]
        return sorted(finished, key=lambda event: event.index)

    def cancel(self) -> None:
        self._job.cancel()
