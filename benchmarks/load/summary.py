"""Summarizes the outcomes of a load as metrics, and formats them as text. It measures nothing itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.load.generator import Outcome
from benchmarks.metrics import SLO_FACTOR, Percentiles, attainment, percentiles
from benchmarks.workload import RequestClass

SoloTimes = Mapping[RequestClass, float]
"""Latency in seconds of each class on an idle system."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The metrics of one load. Latencies are of successful requests only; a metric without values is NaN."""

    requests: int
    failed: int
    errors: dict[str, int]
    images_per_second: float
    """Successful requests divided by the time from the start of the load to the last of them."""
    latency_s: Percentiles
    latency_by_steps_s: dict[int, Percentiles]
    attainment: float
    """Share of the requests that met their objective; failed ones miss it. NaN without solo times."""


def summarize(outcomes: Sequence[Outcome], solo_s: SoloTimes | None = None) -> Summary:
    """Computes the metrics of a load. Raises `KeyError` where the solo time of a request's class is missing."""
    errors = Counter(outcome.error for outcome in outcomes if outcome.latency_s is None)
    succeeded = [outcome for outcome in outcomes if outcome.latency_s is not None]
    steps = sorted({outcome.arrival.request.steps for outcome in outcomes})
    return Summary(
        requests=len(outcomes),
        failed=len(outcomes) - len(succeeded),
        errors=dict(errors),
        images_per_second=_rate(succeeded),
        latency_s=percentiles(_latencies(succeeded)),
        latency_by_steps_s={
            count: percentiles(_latencies([outcome for outcome in succeeded if outcome.arrival.request.steps == count]))
            for count in steps
        },
        attainment=math.nan if solo_s is None else attainment(_with_objectives(outcomes, solo_s)),
    )


def is_missed(outcome: Outcome, solo_s: SoloTimes) -> bool:
    """Returns whether the request missed its objective or failed."""
    return attainment(_with_objectives([outcome], solo_s)) < 1


def format_summary(summary: Summary) -> str:
    """Returns the summary as a few lines of text."""
    lines = [
        f"{summary.requests} requests, {summary.failed} failed, {summary.images_per_second:.2f} images/s",
        f"latency: {_format_latency(summary.latency_s)}",
        *(f"  {steps} steps: {_format_latency(latency)}" for steps, latency in summary.latency_by_steps_s.items()),
    ]
    if not math.isnan(summary.attainment):
        lines.append(f"met their objective: {summary.attainment:.1%}")
    lines += [f"failed: {count} x {error}" for error, count in summary.errors.items()]
    return "\n".join(lines)


def _with_objectives(outcomes: Sequence[Outcome], solo_s: SoloTimes) -> list[tuple[float | None, float]]:
    return [(outcome.latency_s, SLO_FACTOR * solo_s[outcome.arrival.request.request_class]) for outcome in outcomes]


def _latencies(outcomes: Sequence[Outcome]) -> list[float]:
    return [outcome.latency_s for outcome in outcomes if outcome.latency_s is not None]


def _rate(succeeded: Sequence[Outcome]) -> float:
    last_s = max((outcome.finished_s or 0.0 for outcome in succeeded), default=0.0)
    return len(succeeded) / last_s if last_s else math.nan


def _format_latency(latency: Percentiles) -> str:
    return f"p50 {latency.p50:.3f} s, p95 {latency.p95:.3f} s, p99 {latency.p99:.3f} s"
