"""A job while this process makes it: what is known of it beyond its record."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from service.engine.interface import Job
from service.jobs.records import Claim, JobPreview, JobProgress, LiveState


@dataclass(slots=True, eq=False)
class RunningJob:
    """A job that this process has claimed."""

    claim: Claim
    task: asyncio.Task[None] | None = None
    job: Job | None = None
    live: LiveState = field(default_factory=lambda: LiveState(version=1))
    steps: dict[int, int] = field(default_factory=dict)
    """Steps done of each image."""
    eta_s: dict[int, float] = field(default_factory=dict)
    lost: bool = False
    """Whether somebody else has ended it or taken it over."""

    def note_begun(self) -> None:
        """The engine has begun an image, of which there is no progress yet. Only an attempt's first one is news."""
        if self.live.version == 1:
            self.note()

    def note(self, *, preview: JobPreview | None = None) -> int:
        """Something has happened; its version."""
        specs = self.claim.spec.images
        step = sum(self.steps.values()) + sum(specs[index].params.steps for index in self.claim.done)
        progress = JobProgress(
            step=step,
            steps=sum(spec.params.steps for spec in specs),
            eta_s=max(self.eta_s.values(), default=None),
        )
        self.live = LiveState(self.live.version + 1, progress, preview or self.live.preview)
        return self.live.version
