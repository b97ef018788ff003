"""Outcomes of a load to its figures, and figures to lines of text. Measures nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.load.generator import Outcome
from benchmarks.measures import SLO_FACTOR, Percentiles, attainment, percentiles
from benchmarks.workload import JobClass

SoloTimes = Mapping[JobClass, float]
"""Seconds that a job of each class takes alone."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One load. Latencies are in seconds and of right answers only; NaN where there is nothing to take."""

    jobs: int
    failed: int
    errors: dict[str, int]
    images_per_second: float
    """Right answers over the time from the load's beginning to the last of them."""
    latency_s: Percentiles
    latency_by_steps_s: dict[int, Percentiles]
    attainment: float
    """Share of the jobs answered within three times their solo time; the failed are missed. NaN without solo times."""


def summarize(outcomes: Sequence[Outcome], solo_s: SoloTimes | None = None) -> Summary:
    """Raises `KeyError` where the solo time of a job's class is missing."""
    errors = Counter(outcome.error for outcome in outcomes if outcome.latency_s is None)
    right = [outcome for outcome in outcomes if outcome.latency_s is not None]
    steps = sorted({outcome.arrival.job.steps for outcome in outcomes})
    return Summary(
        jobs=len(outcomes),
        failed=len(outcomes) - len(right),
        errors=dict(errors),
        images_per_second=_rate(right),
        latency_s=percentiles(_latencies(right)),
        latency_by_steps_s={
            count: percentiles(_latencies([outcome for outcome in right if outcome.arrival.job.steps == count]))
            for count in steps
        },
        attainment=math.nan if solo_s is None else attainment(_against(outcomes, solo_s)),
    )


def is_missed(outcome: Outcome, solo_s: SoloTimes) -> bool:
    """Whether the job was late or failed."""
    return attainment(_against([outcome], solo_s)) < 1


def describe(summary: Summary) -> str:
    """The summary in a few lines."""
    lines = [
        f"{summary.jobs} jobs, {summary.failed} failed, {summary.images_per_second:.2f} images/s",
        f"latency: {_spell(summary.latency_s)}",
        *(f"  {steps} steps: {_spell(latency)}" for steps, latency in summary.latency_by_steps_s.items()),
    ]
    if not math.isnan(summary.attainment):
        lines.append(f"in time: {summary.attainment:.1%}")
    lines += [f"failed: {count} x {error}" for error, count in summary.errors.items()]
    return "\n".join(lines)


def _against(outcomes: Sequence[Outcome], solo_s: SoloTimes) -> list[tuple[float | None, float]]:
    return [(outcome.latency_s, SLO_FACTOR * solo_s[outcome.arrival.job.kind]) for outcome in outcomes]


def _latencies(outcomes: Sequence[Outcome]) -> list[float]:
    return [outcome.latency_s for outcome in outcomes if outcome.latency_s is not None]


def _rate(right: Sequence[Outcome]) -> float:
    last_s = max((outcome.finished_s or 0.0 for outcome in right), default=0.0)
    return len(right) / last_s if last_s else math.nan


def _spell(latency: Percentiles) -> str:
    return f"p50 {latency.p50:.3f} s, p95 {latency.p95:.3f} s, p99 {latency.p99:.3f} s"
