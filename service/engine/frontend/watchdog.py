"""Judges a worker by how long it has been silent, against what it said it was about to do. Keeps no clock.

Silence is summed from ticks, each of a bounded length: time in which the judge itself was held up, or the machine
slept, does not count against the worker.
"""

from __future__ import annotations

import math
from typing import Final

from service.engine.config import EngineConfig
from service.engine.messages import BEAT_S, Busy, FromWorker, Loading

TICK_S: Final = BEAT_S / 4
_LATE_S: Final = 1.5 * BEAT_S
"""Plain silence after which a worker is late: seen by the tick after, and so within two beats."""
_LATE_FACTOR: Final = 3.0
"""Times its expected seconds that a call may take before the worker is late."""
_STUCK_FACTOR: Final = 10.0
"""Times its expected seconds that a call may take before the worker is stuck."""


class Watchdog:
    """For one worker, from its start."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._silence_s = 0.0
        self._late_s, self._stuck_s = math.inf, config.load_timeout_s

    @property
    def late(self) -> bool:
        """Whether it serves and should have been heard: it may be stopped, or stuck."""
        return self._silence_s > self._late_s

    @property
    def stuck(self) -> bool:
        """Whether there is no hope left in waiting."""
        return self._silence_s > self._stuck_s

    def heard(self, message: FromWorker) -> None:
        self._silence_s = 0.0
        self._late_s, self._stuck_s = self._limits_after(message)

    def tick(self, seconds: float) -> None:
        """So much time has passed since the last tick, by the judge's clock."""
        self._silence_s += min(seconds, 2 * TICK_S)

    def _limits_after(self, message: FromWorker) -> tuple[float, float]:
        """Silence after the message that makes the worker late, and stuck."""
        config = self._config
        match message:
            case Loading():
                return math.inf, config.load_timeout_s
            case Busy(expected_s=None):
                return config.unmeasured_timeout_s, config.unmeasured_timeout_s
            case Busy(expected_s=float(expected_s)):
                return _LATE_S + _LATE_FACTOR * expected_s, config.stall_timeout_s + _STUCK_FACTOR * expected_s
            case _:
                return _LATE_S, config.stall_timeout_s
