"""The measurements of one count of one cost key, and the estimate that they support.

Runs in both processes; pure.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from service.engine.costs.isotonic import Weighted, weighted_median

_KEPT: Final = 9
"""Number of measurements behind an estimate. One wrong measurement among them does not matter."""
_HALF_LIFE: Final = 256
"""Number of the key's calls after which a measurement has half its weight."""
_LEAST_WEIGHT: Final = 1e-9
_LATEST: Final = 3
"""Number of measurements whose median shows the device's present speed."""
_SHORTEST_S: Final = 1e-6
"""Seconds. Shorter calls tell nothing about the device's speed."""
_AGREEMENT: Final = 1.5
"""Ratio up to which two measurements support each other."""


class _Sample(NamedTuple):
    seconds: float
    weight: float
    call: int
    """The number of the key's calls before it."""


class CountSamples:
    """Measured seconds of one count.

    The seconds of recent calls are kept as measured. Those of older calls, which are settled, are kept at the device's
    usual speed: divided by the speed factor that the device had at the time.
    """

    def __init__(self) -> None:
        self._settled: deque[_Sample] = deque(maxlen=_KEPT)
        self._recent: deque[_Sample] = deque()
        self._usual_s: float | None = None
        """The median of the settled measurements."""

    @property
    def number(self) -> int:
        """The number of measurements behind the estimate."""
        return min(_KEPT, len(self._settled) + len(self._recent))

    def know(self, seconds: float, weight: float) -> None:
        """Takes over a measurement of an earlier start. It counts less than one of this start, whatever its weight."""
        self._settle(_Sample(seconds, weight / (weight + 1), 0))

    def learn(self, seconds: float, call: int) -> None:
        self._recent.append(_Sample(seconds, 1.0, call))

    def settle(self, factors: Sequence[float]) -> None:
        """Settles the oldest recent measurement, at the speed factor that brings it nearest to the settled ones."""
        sample = self._recent.popleft()
        if self._usual_s and sample.seconds:
            slowdown = sample.seconds / self._usual_s
            factor = min(factors, key=lambda factor: abs(math.log(slowdown / factor)))
        else:
            factor = factors[-1]
        self._settle(_at_usual_speed(sample, factor))

    def slowdown(self) -> float | None:
        """Returns the ratio of the latest measurements to the usual seconds, or None where either is not known."""
        if not self._recent or self._usual_s is None or self._usual_s < _SHORTEST_S:
            return None
        latest_s = statistics.median(sample.seconds for sample in islice(reversed(self._recent), _LATEST))
        return latest_s / self._usual_s if latest_s >= _SHORTEST_S else None

    def weighted(self, factor: float, call: int) -> list[Weighted]:
        """Returns the measurements at usual speed, each with its weight after `call` calls of the key. `factor` is the
        speed factor of the recent ones."""
        return [
            (sample.seconds, max(sample.weight * 0.5 ** ((call - sample.call) / _HALF_LIFE), _LEAST_WEIGHT))
            for sample in self._kept(factor)
        ]

    def agree(self, seconds: float, factor: float) -> bool:
        """Whether at least two measurements lie near `seconds`, at usual speed."""
        return sum(near(seconds, sample.seconds) for sample in self._kept(factor)) >= 2

    def _kept(self, factor: float) -> list[_Sample]:
        """Returns the measurements behind the estimate, latest first, at usual speed."""
        recent = [_at_usual_speed(sample, factor) for sample in islice(reversed(self._recent), _KEPT)]
        return [*recent, *islice(reversed(self._settled), _KEPT - len(recent))]

    def _settle(self, sample: _Sample) -> None:
        self._settled.append(sample)
        self._usual_s = weighted_median((sample.seconds, sample.weight) for sample in self._settled)


def _at_usual_speed(sample: _Sample, factor: float) -> _Sample:
    return _Sample(sample.seconds / factor, sample.weight, sample.call)


def near(one_s: float, other_s: float) -> bool:
    """Whether two durations differ by so little that one supports the other."""
    return max(one_s, other_s) <= _AGREEMENT * min(one_s, other_s)
