"""The in-memory state of a job that this process runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Self

from pipelines.work_plan import total_steps
from service.engine.interface import Job
from service.jobs.records import Claim, JobPreview, JobProgress, LiveState
from service.jobs.tenants.accounts import EndedJob
from service.observability.tracing.traces import NO_SPAN, JobSpan, Traces


@dataclass(slots=True, eq=False)
class RunningJob:
    """A job that this process has claimed."""

    claim: Claim
    span: JobSpan = NO_SPAN
    task: asyncio.Task[None] | None = None
    engine_job: Job | None = None
    """The part of the job that the engine has now."""
    live: LiveState = field(default_factory=lambda: LiveState(version=1))
    steps: dict[int, int] = field(default_factory=dict)
    """Most steps done in this attempt, by image index."""
    eta_s: dict[int, float] = field(default_factory=dict)
    """Seconds until each image should be finished, by image index."""
    loading_s: dict[int, float] = field(default_factory=dict)
    """Seconds until the model of each image should be loaded, by index of the images that wait for it."""
    resumed: set[int] = field(default_factory=set)
    """Indices of the images that were resumed from a checkpoint and have not reached the next one."""
    lost: bool = False
    """True once the job was canceled, deleted or taken over."""
    given_back: bool = False
    """True once the job is to go back into the queue, because the server stops before it has begun an image."""
    used_s: float = 0.0
    """Device seconds that the job has used in this attempt."""
    stored_bytes: int = 0
    """Bytes of the images that were stored in this attempt."""
    missing: set[int] = field(init=False)
    """Indices of the images that are not stored yet."""

    def __post_init__(self) -> None:
        self.missing = set(range(len(self.claim.spec.images))) - self.claim.done

    @classmethod
    def traced(cls, claim: Claim, traces: Traces) -> Self:
        """Returns the job with its span."""
        span = traces.job(
            claim.job_id,
            [image.params for image in claim.spec.images],
            tenant=claim.tenant,
            started_at=claim.created_at,
            parent=claim.spec.traceparent,
            attempt=claim.attempt,
        )
        return cls(claim, span)

    @property
    def log_ids(self) -> dict[str, str]:
        """The ids in log lines about the job."""
        ids = {"job_id": self.claim.job_id, "tenant": self.claim.tenant, "trace_id": self.span.trace_id}
        return {name: value for name, value in ids.items() if value}

    @property
    def begun(self) -> bool:
        """Whether the engine has begun an image in this attempt."""
        return self.live.version > 1

    def end(self) -> EndedJob:
        """Returns the job's usage for the accounts of its tenant."""
        return EndedJob(self.claim.job_id, self.claim.tenant, self.used_s, self.stored_bytes)

    def lose(self) -> None:
        """Stops making the job, which no longer belongs to this process."""
        self.lost = True
        self._cancel()

    def give_back(self) -> None:
        """Stops making the job, which is to go back into the queue."""
        self.given_back = True
        self._cancel()

    def _cancel(self) -> None:
        if self.engine_job is not None:
            self.engine_job.cancel()

    def record_loading(self, index: int, wait_s: float) -> None:
        """Records that an image waits `wait_s` for its model. No work has begun, so the version stays."""
        self.loading_s[index] = wait_s
        self.live = LiveState(self.live.version, self._progress(), self.live.preview)

    def mark_begun(self, index: int) -> None:
        """Called when the engine begins an image. Raises the version of an attempt that had no progress so far."""
        self.loading_s.pop(index, None)
        if not self.begun:
            self.update_live()

    def record_step(self, index: int, step: int, eta_s: float) -> None:
        """Records that an image has made so many steps. Fewer than before mean that it begins again."""
        self.steps[index] = max(step, self.steps.get(index, 0))
        self.eta_s[index] = eta_s
        self.update_live()

    def update_live(self, *, preview: JobPreview | None = None) -> None:
        """Sets `live` to the current progress, with the next version and, if one is given, a new preview."""
        self.live = LiveState(self.live.version + 1, self._progress(), preview or self.live.preview)

    def _progress(self) -> JobProgress:
        specs = self.claim.spec.images
        return JobProgress(
            step=sum(self.steps.values()) + sum(total_steps(specs[index].params) for index in self.claim.done),
            steps=sum(total_steps(spec.params) for spec in specs),
            eta_s=max(self.eta_s.values(), default=None),
            loading_s=max(self.loading_s.values(), default=None),
        )
