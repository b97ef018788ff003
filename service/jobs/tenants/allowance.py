"""The interface by which accepting a job consults its caller's quotas. Knows no keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol


class Allowance(Protocol):
    """Decides whether a caller may add one job, and is told when the job ends."""

    def enter(self, price_s: float, *, unfinished_jobs: int, ends_in_s: float) -> None:
        """Admits the job and charges its price, or raises `QuotaExceededError`.

        `unfinished_jobs` is the number of the tenant's jobs in the store; `ends_in_s` estimates when this one ends.
        """

    def leave(self, used_s: float | None) -> None:
        """Ends the job, which has used `used_s` device seconds; None stands for the price that it was charged.

        A second call, or one before `enter`, does nothing.
        """


class Unlimited:
    """Implements `Allowance` for callers without quotas."""

    def enter(self, price_s: float, *, unfinished_jobs: int, ends_in_s: float) -> None:
        """Admits every job."""

    def leave(self, used_s: float | None) -> None:
        """Settles nothing."""


UNLIMITED: Final = Unlimited()


class OpenAllowances:
    """The allowances of the jobs that this process has accepted and that have not ended, as far as it knows."""

    def __init__(self, at_most: int = 10_000) -> None:
        """Beyond `at_most`, the jobs that were accepted first leave: other processes may have run them."""
        self._at_most = at_most
        self._open: dict[str, Allowance] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, job_id: str, allowance: Allowance) -> None:
        self._open[job_id] = allowance
        if len(self._open) > self._at_most:
            self.leave(next(iter(self._open)), None)

    def leave(self, job_id: str, used_s: float | None) -> None:
        """Ends a job as `Allowance.leave` does, if it was accepted here."""
        allowance = self._open.pop(job_id, None)
        if allowance is not None:
            allowance.leave(used_s)

    def leave_all_but(self, is_unfinished: Callable[[str], bool]) -> None:
        """Ends the jobs that are not unfinished: other processes have ended them."""
        for job_id in [job_id for job_id in self._open if not is_unfinished(job_id)]:
            self.leave(job_id, None)
