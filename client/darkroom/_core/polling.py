"""Decides when to ask again whether a job has ended, and when to give up. A state machine that does not wait itself."""

from __future__ import annotations

from typing import Final

from darkroom._core.retries import Retries
from darkroom._core.views import JobView
from darkroom.errors import DarkroomError, JobTimeoutError

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
LONGEST_ANSWER_S: Final = 30.0
"""Seconds after which a request without an answer counts as lost."""
SHORTEST_ANSWER_S: Final = 1.0


class Poller:
    """Polls one job until it has ended. `now_s` is the time of a monotonic clock in seconds."""

    def __init__(self, job: JobView, timeout_s: float | None, max_retries: int, now_s: float) -> None:
        """`timeout_s` limits the whole wait; `max_retries` is how many requests in a row may be lost."""
        self._job = job
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._started_s = now_s
        self._pause_s = FIRST_PAUSE_S
        self._retries = Retries(max_retries)

    def pause_s(self, now_s: float) -> float:
        """Return the seconds until the next request. Raises `JobTimeoutError` once `timeout_s` have passed."""
        left_s = self._left_s(now_s)
        if left_s <= 0:
            raise JobTimeoutError(
                f"The job had not ended after {self._timeout_s:g} seconds. It goes on.",
                job_id=self._job.id,
                job=self._job.record,
            )
        return min(self._pause_s, left_s)

    def answer_s(self, now_s: float) -> float:
        """Return the seconds that the answer to a request may take."""
        return max(SHORTEST_ANSWER_S, min(LONGEST_ANSWER_S, self._left_s(now_s)))

    def answered(self) -> None:
        """Note that a request was answered."""
        self._retries = Retries(self._max_retries)
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 1.5)

    def lost(self, error: DarkroomError, jitter: float) -> None:
        """Note that a request got no answer. Raises `error` where another try would not help."""
        retry = self._retries.after(error, jitter)
        if retry is None:
            raise error
        self._pause_s = retry.wait_s

    def _left_s(self, now_s: float) -> float:
        return float("inf") if self._timeout_s is None else self._started_s + self._timeout_s - now_s
