"""Counts and traces the jobs whose end no process that makes them can tell: they were canceled or too late while they
waited, or lost too often.
"""

from __future__ import annotations

from service.jobs.records import Status, UnmadeJob
from service.observability.metrics import Metrics
from service.observability.tracing.traces import Traces


class UnmadeJobs:
    def __init__(self, metrics: Metrics, traces: Traces) -> None:
        self._metrics = metrics
        self._traces = traces

    def ended(self, job: UnmadeJob) -> None:
        """Call it once a job has ended."""
        self._metrics.job_ended(job.outcome, job.code)
        if job.spec is None:
            return  # There is nothing to say of its images.
        span = self._traces.job(
            job.id,
            [image.params for image in job.spec.images],
            tenant=job.tenant,
            started_at=job.created_at,
            parent=job.spec.traceparent,
            attempt=job.attempt,
        )
        span.ended(job.outcome, job.code if job.outcome is Status.FAILED else "")
