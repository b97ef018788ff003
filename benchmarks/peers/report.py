"""Reports a record: a Markdown table, the goals with their results, and two charts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers import svg
from benchmarks.peers.records import SHORT_LOAD_SHARE, Record, TargetRecord, best

_HEADER = (
    "| server | saturated, images/s | goodput, requests/s | p95 of {steps}-step requests, s | start-up, s | failed |\n"
    "|---|---:|---:|---:|---:|---:|"
)

_NOTE = (
    "Goodput is the highest rate at which 99% of the requests took at most three times their solo time. "
    f"The p95 was measured at {SHORT_LOAD_SHARE:.0%} of the best peer's saturated rate."
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A target for one of Darkroom's results: a lower or an upper bound."""

    text: str
    value: float
    bound: float
    at_least: bool
    unit: str = "x"

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        if math.isnan(self.value):
            return f"- {self.text}: not measured"
        verdict = "met" if self.met else "missed"
        side = "at least" if self.at_least else "at most"
        return f"- {self.text}: {self.value:.2f}{self.unit} ({side} {self.bound:.2f}{self.unit}: {verdict})"


def markdown(record: Record) -> str:
    """Returns the table, its notes and the goals as Markdown."""
    steps = record.short_steps
    rows = [_HEADER.format(steps=steps), *(_row(target, steps) for target in record.targets.values())]
    notes = [
        _NOTE,
        *(f"The measurement of {target.title} ended early: {target.failure}" for target in _failed(record)),
    ]
    return "\n".join([*rows, "", *notes, "", *(str(goal) for goal in goals(record))]) + "\n"


def goals(record: Record) -> list[Goal]:
    """Returns the goals with their results; none where Darkroom was not measured."""
    ours = record.ours
    if ours is None:
        return []
    steps = record.short_steps
    short_s = best((peer.p95_s(steps) for peer in record.peers), min)
    http_ms = 1000 * statistics.median(record.http_overhead_s) if record.http_overhead_s else math.nan
    return [
        Goal("goodput, relative to the best peer", _ratio(ours.goodput, _best_goodput(record)), 2.0, True),
        Goal(
            "saturated images per second, relative to the best peer",
            _ratio(ours.images_per_second, record.best_peer_images_per_second),
            1.5,
            True,
        ),
        Goal(
            f"p95 of {steps}-step requests, relative to the best peer", _ratio(ours.p95_s(steps), short_s), 1 / 3, False
        ),
        Goal("HTTP overhead of a single request", http_ms, 5.0, False, " ms"),
    ]


def _best_goodput(record: Record) -> float:
    """Returns the best peer's goodput. A peer that missed every rate counts with its lowest rate, which favors it."""
    return best((peer.goodput or _lowest_rate(peer) for peer in record.peers), max)


def charts(record: Record) -> dict[str, str]:
    """Returns SVG files by name."""
    return {
        "peers-attainment.svg": svg.lines(
            "Requests that met their latency objective, by arrival rate",
            {
                _without_markdown(target.title): [(probe.rate, probe.attainment) for probe in target.all_probes]
                for target in _measured(record)
            },
            x_label="requests per second",
            y_label="share with a latency of at most three times the solo time",
        ),
        "peers-saturated.svg": svg.bars(
            "Images per second with all requests sent at once",
            {_without_markdown(target.title): target.images_per_second for target in _measured(record)},
        ),
    }


def _without_markdown(title: str) -> str:
    """Removes code marks from a title."""
    return title.replace("`", "")


def _measured(record: Record) -> list[TargetRecord]:
    return [target for target in record.targets.values() if not math.isnan(target.images_per_second)]


def _failed(record: Record) -> list[TargetRecord]:
    return [target for target in record.targets.values() if target.failure]


def _row(target: TargetRecord, steps: int) -> str:
    cells = (
        target.title,
        _number(target.images_per_second),
        _goodput(target),
        _number(target.p95_s(steps)),
        _number(statistics.median(target.start_s) if target.start_s else math.nan, "{:.0f}".format),
        str(target.failed_requests),
    )
    return f"| {' | '.join(cells)} |"


def _goodput(target: TargetRecord) -> str:
    if not target.all_probes:
        return _number(math.nan)
    return _number(target.goodput) if target.goodput else f"< {_lowest_rate(target):.2f}"


def _lowest_rate(target: TargetRecord) -> float:
    return best((probe.rate for probe in target.all_probes), min)


def _number(value: float, format_value: Callable[[float], str] = "{:.2f}".format) -> str:
    return "-" if math.isnan(value) else format_value(value)


def _ratio(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else math.nan
