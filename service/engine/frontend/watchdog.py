"""Judges a worker by its silence, compared with the time that the call it announced may take.

Runs in the server's process; reads no clock. Silence is the sum of ticks, each of which counts for a limited time: time
in which the server's own process was held up, or the machine slept, does not count against the worker.
"""

from __future__ import annotations

import math
from typing import Final

from service.engine.config import EngineConfig
from service.engine.messages import BEAT_S, Busy, FromWorker, Loading

TICK_S: Final = BEAT_S / 4
"""Seconds between two calls of `Watchdog.tick`."""
_LATE_S: Final = 1.5 * BEAT_S
"""Seconds of silence after which a worker is late. The next tick, which comes within two beats, notices it."""
_LATE_FACTOR: Final = 3.0
"""Multiple of a call's expected seconds that is added to the silence of a late worker."""
_STUCK_FACTOR: Final = 10.0
"""Multiple of the expected seconds, of a call or of a silence at the start, that is added for a stuck worker."""


class Watchdog:
    """Watches one worker from its start."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config
        self._silence_s = 0.0
        self._late_s, self._stuck_s = math.inf, config.load_timeout_s

    @property
    def late(self) -> bool:
        """Whether a serving worker has been silent longer than expected: it may be stopped or stuck."""
        return self._silence_s > self._late_s

    @property
    def stuck(self) -> bool:
        """Whether the worker has been silent so long that it must be killed."""
        return self._silence_s > self._stuck_s

    def heard(self, message: FromWorker) -> None:
        """Ends the silence."""
        self._silence_s = 0.0
        self._late_s, self._stuck_s = self._limits_after(message)

    def tick(self, seconds: float) -> None:
        """Adds the seconds since the last tick to the silence, at most two ticks' worth."""
        self._silence_s += min(seconds, 2 * TICK_S)

    def _limits_after(self, message: FromWorker) -> tuple[float, float]:
        """Returns the silence after this message that makes the worker late, and the one that makes it stuck."""
        config = self._config
        match message:
            case Loading():
                return math.inf, config.load_timeout_s + _STUCK_FACTOR * message.expected_s
            case Busy(expected_s=None):
                return config.unmeasured_timeout_s, config.unmeasured_timeout_s
            case Busy(expected_s=float(expected_s), is_guess=True):
                # On a slow device a call of a new kind may be long, too.
                limit_s = max(config.unmeasured_timeout_s, config.stall_timeout_s + _STUCK_FACTOR * expected_s)
                return limit_s, limit_s
            case Busy(expected_s=float(expected_s)):
                return _LATE_S + _LATE_FACTOR * expected_s, config.stall_timeout_s + _STUCK_FACTOR * expected_s
            case _:
                return _LATE_S, config.stall_timeout_s
