"""Everything that a run measured, raw, as it is written to the JSON file; and the figures that are drawn from it.

Measures nothing and formats nothing. A figure is the median of the rounds' unless it says otherwise.
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load.summary import Summary
from benchmarks.measures import Probe, goodput
from benchmarks.peers.servers import OURS

SHORT_LOAD_SHARE = 0.7
"""Of the best peer's saturated images a second: the load under which short jobs are looked at."""


@dataclass(slots=True)
class TargetRecord:
    title: str
    start_s: list[float] = field(default_factory=list)
    differing_share: float | None = None
    """Share of the fixed image's values that are more than one level away from diffusers' own."""
    warm_up: list[Summary] = field(default_factory=list)
    saturated: list[Summary] = field(default_factory=list)
    at_load: list[tuple[float, Summary]] = field(default_factory=list)
    """Rate and what came of it, at `SHORT_LOAD_SHARE`."""
    probes: list[tuple[float, Summary]] = field(default_factory=list)
    failure: str = ""
    """Why the target was not measured to the end; empty if it was."""

    @property
    def images_per_second(self) -> float:
        return _median(summary.images_per_second for summary in self.saturated)

    @property
    def goodput(self) -> float:
        """Jobs a second at 99% attainment; 0 where even the lowest rate that was tried missed it."""
        return goodput(self.points)

    @property
    def points(self) -> list[Probe]:
        """Rates that were offered, and the attainment of each, in the order of the rates."""
        offered = [*self.probes, *self.at_load]
        return sorted((Probe(rate, summary.attainment) for rate, summary in offered), key=lambda probe: probe.rate)

    @property
    def failed_jobs(self) -> int:
        loads = [*self.saturated, *(summary for _, summary in [*self.at_load, *self.probes])]
        return sum(summary.failed for summary in loads)

    def p95_s(self, steps: int) -> float:
        """Of the jobs with that many steps, under the load at which short jobs are looked at."""
        return _median(
            summary.latency_by_steps_s[steps].p95 for _, summary in self.at_load if steps in summary.latency_by_steps_s
        )


@dataclass(slots=True)
class Record:
    machine: dict[str, Any]
    plan: dict[str, Any]
    solo_s: dict[str, float] = field(default_factory=dict)
    """By the name of the class."""
    http_added_s: list[float] = field(default_factory=list)
    targets: dict[str, TargetRecord] = field(default_factory=dict)

    @property
    def ours(self) -> TargetRecord | None:
        return self.targets.get(OURS)

    @property
    def peers(self) -> list[TargetRecord]:
        return [target for name, target in self.targets.items() if name != OURS]

    @property
    def short_steps(self) -> int:
        """The fewest steps of the mix."""
        return min(int(steps) for steps in self.plan["mix"]["steps"])

    @property
    def best_peer_images_per_second(self) -> float:
        return best((peer.images_per_second for peer in self.peers), max)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(_without_nan(dataclasses.asdict(self)), indent=1) + "\n")


def best(values: Iterable[float], choose: Any) -> float:
    """The chosen of the values that are numbers; NaN if none is."""
    numbers = [value for value in values if not math.isnan(value)]
    return float(choose(numbers)) if numbers else math.nan


def _median(values: Iterable[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return statistics.median(numbers) if numbers else math.nan


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null stands for it."""
    match value:
        case float() if math.isnan(value):
            return None
        case dict():
            return {str(key): _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
        case _:
            return value
