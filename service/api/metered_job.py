"""A job of the engine that is charged to its caller's quotas until `cancel` is called."""

from __future__ import annotations

from collections.abc import AsyncIterator

from service.engine.interface import ImageEvent, ImageFinished, Job
from service.jobs.tenants.allowance import Allowance


class MeteredJob:
    """Implements `Job`. Its holder must call `cancel` in the end, even if it has ended by itself."""

    def __init__(self, job: Job, allowance: Allowance) -> None:
        self._job = job
        self._allowance = allowance

    @property
    def id(self) -> str:
        return self._job.id

    @property
    def used_s(self) -> float:
        return self._job.used_s

    def events(self) -> AsyncIterator[ImageEvent]:
        return self._job.events()

    async def result(self) -> list[ImageFinished]:
        return await self._job.result()

    def cancel(self) -> None:
        self._job.cancel()
        self._allowance.leave(self._job.used_s)
