"""Notices a wall clock that jumps, so that nothing is deleted by a time that cannot be believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from service.jobs.store.access.clock import since_boot

_TOLERANCE_S: Final = 60.0
"""Seconds. Time servers correct a clock by less than this."""
_BELIEVED_AFTER_S: Final = 3600.0
"""Seconds after which a clock that jumped once is believed: it was wrong before."""

_log = structlog.get_logger("darkroom.jobs")


class ClockWatch:
    """Compares a wall clock with one that never jumps."""

    def __init__(self, wall: Callable[[], float], *, steady: Callable[[], float] = since_boot) -> None:
        self._wall = wall
        self._steady = steady
        self._expected_s: float | None = None
        """Difference between the two clocks while the wall clock is believed."""
        self._jumped_to_s: float | None = None
        self._jumped_at = 0.0

    def is_sane(self) -> bool:
        """Returns whether the wall clock agrees with its earlier times."""
        now = self._steady()
        difference_s = self._wall() - now
        if self._expected_s is None or abs(difference_s - self._expected_s) <= _TOLERANCE_S:
            self._expected_s, self._jumped_to_s = difference_s, None
            return True
        if self._jumped_to_s is None or abs(difference_s - self._jumped_to_s) > _TOLERANCE_S:
            self._jumped_to_s, self._jumped_at = difference_s, now
            _log.error("the clock has jumped: nothing expires for now", seconds=round(difference_s - self._expected_s))
        if now - self._jumped_at < _BELIEVED_AFTER_S:
            return False
        self._expected_s, self._jumped_to_s = difference_s, None
        return True
