"""A record to what people read: a Markdown table, the goals and how far each was reached, and two charts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers import svg
from benchmarks.peers.records import SHORT_LOAD_SHARE, Record, TargetRecord, best

_HEADER = (
    "| server | saturated, images/s | goodput, jobs/s | p95 of {steps}-step jobs, s | start-up, s | failed jobs |\n"
    "|---|---:|---:|---:|---:|---:|"
)

_NOTE = (
    "Goodput: the highest rate at which 99% of the jobs took at most three times their time alone. The p95 is under "
    f"{SHORT_LOAD_SHARE:.0%} of the best peer's saturated rate."
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio or time of ours that is to be at least, or at most, a number."""

    text: str
    found: float
    bound: float
    at_least: bool
    unit: str = "x"

    @property
    def reached(self) -> bool:
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    def __str__(self) -> str:
        if math.isnan(self.found):
            return f"- {self.text}: not measured"
        verdict = "reached" if self.reached else "missed"
        side = "at least" if self.at_least else "at most"
        return f"- {self.text}: {self.found:.2f}{self.unit} ({side} {self.bound:.2f}{self.unit}: {verdict})"


def markdown(record: Record) -> str:
    """The table, what it says, and the goals."""
    steps = record.short_steps
    rows = [_HEADER.format(steps=steps), *(_row(target, steps) for target in record.targets.values())]
    notes = [
        _NOTE,
        *(f"{target.title} was not measured to the end: {target.failure}" for target in _failed(record)),
    ]
    return "\n".join([*rows, "", *notes, "", *(str(goal) for goal in goals(record))]) + "\n"


def goals(record: Record) -> list[Goal]:
    """Where we mean to be, and where we are."""
    ours = record.ours
    if ours is None:
        return []
    steps = record.short_steps
    short_s = best((peer.p95_s(steps) for peer in record.peers), min)
    http_ms = 1000 * statistics.median(record.http_added_s) if record.http_added_s else math.nan
    return [
        Goal("goodput against the best peer's", _ratio(ours.goodput, _best_goodput(record)), 2.0, True),
        Goal(
            "saturated images a second against the best peer's",
            _ratio(ours.images_per_second, record.best_peer_images_per_second),
            1.5,
            True,
        ),
        Goal(f"p95 of {steps}-step jobs against the best peer's", _ratio(ours.p95_s(steps), short_s), 1 / 3, False),
        Goal("what HTTP adds to a job alone", http_ms, 5.0, False, " ms"),
    ]


def _best_goodput(record: Record) -> float:
    """Of the peers; one that missed at every rate counts with the lowest it was offered, which favours it."""
    return best((peer.goodput or _lowest_rate(peer) for peer in record.peers), max)


def charts(record: Record) -> dict[str, str]:
    """SVG files by name."""
    return {
        "peers-attainment.svg": svg.lines(
            "Share of jobs in time, against the rate at which they arrive",
            {
                _plain(target.title): [(probe.rate, probe.attainment) for probe in target.points]
                for target in _drawn(record)
            },
            x_label="jobs a second",
            y_label="share answered within three times their time alone",
        ),
        "peers-saturated.svg": svg.bars(
            "Images a second with all jobs there at once",
            {_plain(target.title): target.images_per_second for target in _drawn(record)},
        ),
    }


def _plain(title: str) -> str:
    """Without Markdown's marks."""
    return title.replace("`", "")


def _drawn(record: Record) -> list[TargetRecord]:
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
        str(target.failed_jobs),
    )
    return f"| {' | '.join(cells)} |"


def _goodput(target: TargetRecord) -> str:
    if not target.points:
        return _number(math.nan)
    return _number(target.goodput) if target.goodput else f"< {_lowest_rate(target):.2f}"


def _lowest_rate(target: TargetRecord) -> float:
    return best((probe.rate for probe in target.points), min)


def _number(value: float, spell: Callable[[float], str] = "{:.2f}".format) -> str:
    return "-" if math.isnan(value) else spell(value)


def _ratio(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else math.nan
