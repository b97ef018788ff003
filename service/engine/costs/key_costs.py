"""The costs of one cost key: seconds by count, the knee, the limit of the memory, and the count to try next.

Runs in both processes; pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from service.engine.costs.cost_table import Point
from service.engine.costs.count_samples import CountSamples, near
from service.engine.costs.isotonic import Weighted, isotonic_medians, weighted_median
from service.engine.costs.latency_curve import LatencyCurve, doublings, knee
from service.engine.costs.tries import Tries

_KNEE_MARGIN: Final = 0.05
"""Fraction by which more rows must lower the seconds per row to be worth a longer call."""
_GUESS_WEIGHT: Final = 1e-9
"""Weight of a guess; a fresh measurement has 1. Any measurement outweighs it."""
_JOINS: Final = 3
"""Number of measurements of this start that a count needs to be a point of the curve, unless it is a doubling."""
_LIMIT_CALLS: Final = 2048
"""Number of the key's calls after which a count that ran out of memory is tried again; doubles each time."""


class _Fit(NamedTuple):
    """The conclusions from the measurements, valid until the next one."""

    factor: float
    curve: LatencyCurve
    best: int
    due: int | None


class KeyCosts:
    """Learns the costs of one key. `factor` is always the present speed factor of the device (`DeviceSpeed`)."""

    def __init__(self, least: int, most: int, *, points: Iterable[Point] = (), guess: LatencyCurve | None) -> None:
        """`least` and `most` bound the knee. `points` are measurements of an earlier start. `guess` is the curve to
        assume where nothing was measured; None requires points."""
        self._least = least
        self._most = most
        self._doublings = list(doublings(most))
        self._guess = guess
        self._calls = 0
        self._counts: dict[int, CountSamples] = {}
        for point in points:
            self._samples(point.count).know(point.seconds, point.weight)
        self._known = frozenset(self._counts)
        self._tries = Tries()
        self._limit = most
        self._fitting: set[int] = set()
        """Counts that fitted in memory in calls that were not measured."""
        self._limited_until = 0
        self._limit_calls = _LIMIT_CALLS
        self._fitted: _Fit | None = None

    @property
    def measured(self) -> bool:
        return bool(self._counts)

    @property
    def max_count(self) -> int | None:
        """The largest count that fits in memory; None if memory never ran out, or not for long."""
        return self._limit if self._calls < self._limited_until else None

    def curve(self, factor: float) -> LatencyCurve:
        """Returns the seconds at the device's usual speed."""
        return self._fit(factor).curve

    def best(self, factor: float) -> int:
        """Returns the count beyond which more rows do not lower the seconds per row."""
        return self._fit(factor).best

    def knee(self, factor: float) -> int:
        """Returns the count that the next call should have at most: the best one, or one that is due to be tried."""
        fit = self._fit(factor)
        return fit.best if fit.due is None else fit.due

    def points(self, factor: float) -> Iterator[Point]:
        """Yields the present seconds of each measured count."""
        for count in sorted(self._joined()):
            weighted = self._counts[count].weighted(factor, self._calls)
            yield Point(count, weighted_median(weighted) * factor, sum(weight for _, weight in weighted))

    def slowdown(self, count: int) -> float | None:
        """Returns the ratio of the latest seconds of this count to the usual ones, or None if it is not known."""
        return self._counts[count].slowdown()

    def learn(self, count: int, seconds: float, factor: float) -> None:
        """Learns a measured call. It ends a try: one of fewer rows in any case, one of more rows if it had more."""
        fit = self._fit(factor)
        self._calls += 1
        self._samples(count).learn(seconds, self._calls)
        self._tries.met(count, self._calls, surprise=not near(seconds / factor, fit.curve.at(count)))
        if fit.due is not None and (fit.due < fit.best or count > fit.best):
            self._tries.tried(fit.due, self._calls)
        self._fitted = None

    def settle(self, count: int, factors: list[float]) -> None:
        """Settles the oldest recent call of this count at one of the speed factors (`CountSamples.settle`)."""
        self._counts[count].settle(factors)
        self._fitted = None

    def limit(self, max_count: int) -> None:
        """Keeps the knee at or below `max_count` for a long while."""
        self._limit = min(max_count, self.max_count or self._most)
        self._limited_until = self._calls + self._limit_calls
        self._limit_calls *= 2
        self._fitted = None

    def learn_out_of_memory(self, count: int) -> None:
        """Limits the knee to the largest count below `count` that is known to fit, or to half of `count`."""
        self._fitting = {fitted for fitted in self._fitting if fitted < count}
        self.limit(max(1, count // 2, *self._fitting, *(fitted for fitted in self._counts if fitted < count)))

    def learn_fitting(self, count: int) -> None:
        """Learns that a call of this count, which was not measured, fitted in memory."""
        self._fitting.add(count)
        if self._limit < count:
            self._limit, self._fitted = count, None

    def _samples(self, count: int) -> CountSamples:
        return self._counts.setdefault(count, CountSamples())

    def _fit(self, factor: float) -> _Fit:
        if self._fitted is None or self._fitted.factor != factor:
            curve = self._fit_curve(factor)
            best = knee(curve.at, self._knee_counts(curve), margin=_KNEE_MARGIN)
            self._fitted = _Fit(factor, curve, best, self._due(factor, curve, best))
        return self._fitted

    def _fit_curve(self, factor: float) -> LatencyCurve:
        groups = {count: self._counts[count].weighted(factor, self._calls) for count in self._joined()}
        if self._guess is not None:
            level = self._guess_level(self._guess, factor)
            for count, seconds in zip(self._guess.counts, self._guess.seconds, strict=True):
                groups.setdefault(count, [(seconds * level, _GUESS_WEIGHT)])
        counts = sorted(groups)
        return LatencyCurve(counts, isotonic_medians(groups[count] for count in counts))

    def _guess_level(self, guess: LatencyCurve, factor: float) -> float:
        """Returns the ratio of the measurements to the guess."""
        ratios: list[Weighted] = [
            (seconds / guess.at(count), weight)
            for count, samples in self._counts.items()
            for seconds, weight in samples.weighted(factor, self._calls)
            if guess.at(count)
        ]
        return weighted_median(ratios) if ratios else 1.0

    def _joined(self) -> list[int]:
        """Returns the counts that are points of the curve. Others, which few calls had, lie between their neighbors."""
        return [
            count
            for count, samples in self._counts.items()
            if count in self._known or count in self._doublings or samples.number >= _JOINS
        ]

    @property
    def _bound(self) -> int:
        return max(self._least, self.max_count or self._most)

    def _knee_counts(self, curve: LatencyCurve) -> list[int]:
        between = (count for count in curve.counts if self._least < count < self._bound)
        return sorted({self._least, *between, self._bound})

    def _due(self, factor: float, curve: LatencyCurve, best: int) -> int | None:
        """Returns the smallest count that is due to be tried.

        A count that was never measured is due at once where the largest measured one is the best. A try waits the
        longer, the more time it is known to waste, so that all tries together take a few percent of the time.
        """
        for count in self._doublings:
            if count == best or count > self._bound:
                continue
            if count > curve.counts[-1]:
                return count if count <= 2 * min(best, curve.counts[-1]) else None
            waited = self._tries.waited(count, self._calls)
            if waited >= 1 and waited >= self._known_waste(factor, curve, count, best):
                return count
        return None

    def _known_waste(self, factor: float, curve: LatencyCurve, count: int, best: int) -> float:
        """Returns the time that a call of `count` rows wastes against calls of `best` rows, as a multiple of the
        latter.

        Returns 0 where no two measurements agree on its seconds.
        """
        samples, best_s = self._counts.get(count), curve.at(best)
        if samples is None or not best_s or not samples.agree(curve.at(count), factor):
            return 0.0
        return curve.at(count) / best_s - count / best
