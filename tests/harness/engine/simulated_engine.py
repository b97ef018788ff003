"""A queue with a waiting line in front of a device that finishes one image after another, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission
from service.engine.frontend.waiting_line import WaitingLine
from service.engine.scheduling.fair_share import EQUAL, weight
from tests.benchmarks import virtual_time
from tests.harness.scanned_work import QueuedImage, ScannedWork

IMAGE_S: Final = 0.1
"""Device seconds of an image."""


@dataclass(eq=False)
class SimulatedJob:
    tenant: str
    images: int
    unfinished: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def cancel(self) -> None:
        self.unfinished = 0
        self.ended.set()


class SimulatedEngine:
    """Finishes an image every `IMAGE_S`. The tenants take turns by their weights."""

    def __init__(self, shares: Mapping[str, float] = EQUAL, **bounds: Any) -> None:
        config = EngineConfig(worker=WorkerConfig(model="fake", shares=dict(shares)), **bounds)
        self._shares = shares
        self.line: WaitingLine[SimulatedJob] = WaitingLine(config, Admission(config, ScannedWork(self._queued)))
        self.jobs: list[SimulatedJob] = []
        """All that were admitted, in order."""
        self._unfinished: list[SimulatedJob] = []
        self.finished: Counter[str] = Counter()
        """Images by tenant."""
        self.most_queued = 0

    def submit(self, images: int = 1, tenant: str = "") -> SimulatedJob:
        return self.line.admit_now(tenant, [IMAGE_S] * images, lambda: self._admit(images, tenant))

    async def submit_in_line(self, images: int = 1, tenant: str = "", deadline_s: float | None = None) -> SimulatedJob:
        admitted = self.line.admit_in_turn(tenant, [IMAGE_S] * images, lambda: self._admit(images, tenant), deadline_s)
        return await admitted

    async def make(self, images: int = 1, tenant: str = "") -> float:
        """Returns the seconds until the job has ended."""
        start_s = virtual_time.now()
        await (await self.submit_in_line(images, tenant)).ended.wait()
        return virtual_time.now() - start_s

    async def serve(self, seconds: float) -> None:
        for _ in range(round(seconds / IMAGE_S)):
            await asyncio.sleep(IMAGE_S)
            if waiting := self._unfinished_jobs():
                self._finish_image(min(waiting, key=self._turn))

    def _turn(self, job: SimulatedJob) -> float:
        return self.finished[job.tenant] / weight(self._shares, job.tenant)

    def _finish_image(self, job: SimulatedJob) -> None:
        job.unfinished -= 1
        self.finished[job.tenant] += 1
        if not job.unfinished:
            job.ended.set()
        self.line.advance()

    def _admit(self, images: int, tenant: str) -> SimulatedJob:
        self.jobs.append(job := SimulatedJob(tenant, images, images))
        self._unfinished.append(job)
        self.most_queued = max(self.most_queued, len(self._queued()))
        return job

    def _queued(self) -> list[QueuedImage]:
        return [QueuedImage(job, job.tenant, IMAGE_S) for job in self._unfinished_jobs() for _ in range(job.unfinished)]

    def _unfinished_jobs(self) -> list[SimulatedJob]:
        self._unfinished = [job for job in self._unfinished if job.unfinished]
        return self._unfinished
