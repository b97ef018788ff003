"""Metrics of latencies: percentiles, SLO attainment, goodput; and the next rate of a goodput search.

This module is arithmetic only. It does not know how the latencies were measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

TARGET_ATTAINMENT: Final = 0.99
SLO_FACTOR: Final = 3.0
"""A request's latency objective is this many times its solo time, its latency on an idle system."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Probe:
    """An offered rate, in requests per second, and the share of its requests that met their objective."""

    rate: float
    attainment: float


def percentile(values: Iterable[float], share: float) -> float:
    """Returns the value below which `share` (0 to 1) of the values lie, interpolated linearly; NaN without values."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    position = share * (len(ordered) - 1)
    below, above = math.floor(position), math.ceil(position)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def percentiles(values: Iterable[float]) -> Percentiles:
    ordered = sorted(values)
    return Percentiles(percentile(ordered, 0.50), percentile(ordered, 0.95), percentile(ordered, 0.99))


def attainment(latencies: Iterable[tuple[float | None, float]]) -> float:
    """Returns the share of requests that met their objective; NaN without requests.

    `latencies` are pairs of latency and objective in seconds. A latency of None is a failed request, which misses.
    """
    attained = [latency is not None and latency <= objective for latency, objective in latencies]
    return sum(attained) / len(attained) if attained else math.nan


def allowed_misses(requests: int, target: float = TARGET_ATTAINMENT) -> int:
    """Returns how many of the requests may miss their objective without missing the target attainment."""
    return math.floor(requests * (1 - target) + 1e-9)


def goodput(probes: Sequence[Probe], target: float = TARGET_ATTAINMENT) -> float:
    """Returns the highest rate that met the target, with all lower rates; 0 where the lowest rate missed it."""
    best = 0.0
    for probe in sorted(probes, key=lambda probe: (probe.rate, probe.attainment)):
        if probe.attainment < target:
            break
        best = probe.rate
    return best


def next_rate(probes: Sequence[Probe], low: float, high: float, target: float = TARGET_ATTAINMENT) -> float:
    """Returns the rate that bisects, on a logarithmic scale, the interval that contains the goodput.

    Raises `ValueError` unless 0 < `low` < `high`.
    """
    if not 0 < low < high:
        raise ValueError("low must be positive and below high")
    met = goodput(probes, target)
    missed = min((probe.rate for probe in probes if probe.attainment < target), default=high)
    return math.sqrt(max(met, low) * max(missed, low))
