"""A job of the engine that is charged to its caller's quotas until `cancel` is called."""

from __future__ import annotations

from service.engine.interface import Job
from service.engine.job_wrapper import JobWrapper
from service.jobs.tenants.allowance import Allowance


class MeteredJob(JobWrapper):
    """A job whose device time is charged to an allowance.

    Its holder must call `cancel` in the end, even if the job has ended by itself.
    """

    def __init__(self, job: Job, allowance: Allowance) -> None:
        super().__init__(job)
        self._allowance = allowance

    def cancel(self) -> None:
        super().cancel()
        self._allowance.leave(self._job.used_s)
