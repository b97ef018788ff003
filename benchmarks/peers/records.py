"""The raw measurements of a run, as they are written to the JSON file, and the metrics derived from them.

This module measures nothing and formats nothing. A metric is the median over the rounds unless stated otherwise.
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
from benchmarks.metrics import Probe, goodput
from benchmarks.peers.servers import OURS

SHORT_LOAD_SHARE = 0.7
"""The rate of the short-request load, as a share of the best peer's saturated images per second."""


@dataclass(slots=True)
class TargetRecord:
    """The measurements of one server. Lists have one entry per round, unless stated otherwise."""

    title: str
    start_s: list[float] = field(default_factory=list)
    differing_share: float | None = None
    """Share of the reference image's values that differ by more than one level of 255 from diffusers alone."""
    warm_up: list[Summary] = field(default_factory=list)
    saturated: list[Summary] = field(default_factory=list)
    at_load: list[tuple[float, Summary]] = field(default_factory=list)
    """Rate and summary of the short-request load, from the second round on."""
    probes: list[tuple[float, Summary]] = field(default_factory=list)
    """Rate and summary of every probe of the goodput search."""
    failure: str = ""
    """The reason for which the measurement ended early; empty where it did not."""

    @property
    def images_per_second(self) -> float:
        """Throughput with all requests sent at once."""
        return _median(summary.images_per_second for summary in self.saturated)

    @property
    def goodput(self) -> float:
        """Requests per second at 99% attainment; 0 where even the lowest offered rate missed it."""
        return goodput(self.all_probes)

    @property
    def all_probes(self) -> list[Probe]:
        """All offered rates with their attainment, in the order of the rates."""
        offered = [*self.probes, *self.at_load]
        return sorted((Probe(rate, summary.attainment) for rate, summary in offered), key=lambda probe: probe.rate)

    @property
    def failed_requests(self) -> int:
        """Failed requests of all loads but the warm-up."""
        loads = [*self.saturated, *(summary for _, summary in [*self.at_load, *self.probes])]
        return sum(summary.failed for summary in loads)

    def p95_s(self, steps: int) -> float:
        """Returns the p95 latency of the requests with that many steps under the short-request load."""
        return _median(
            summary.latency_by_steps_s[steps].p95 for _, summary in self.at_load if steps in summary.latency_by_steps_s
        )


@dataclass(slots=True)
class Record:
    """The measurements of a run: all servers on one machine."""

    machine: dict[str, Any]
    plan: dict[str, Any]
    solo_s: dict[str, float] = field(default_factory=dict)
    """Solo time by the name of the class."""
    http_overhead_s: list[float] = field(default_factory=list)
    targets: dict[str, TargetRecord] = field(default_factory=dict)

    @property
    def ours(self) -> TargetRecord | None:
        return self.targets.get(OURS)

    @property
    def peers(self) -> list[TargetRecord]:
        return [target for name, target in self.targets.items() if name != OURS]

    @property
    def short_steps(self) -> int:
        """The smallest number of steps in the mix."""
        return min(int(steps) for steps in self.plan["mix"]["steps"])

    @property
    def best_peer_images_per_second(self) -> float:
        return best((peer.images_per_second for peer in self.peers), max)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(_without_nan(dataclasses.asdict(self)), indent=1) + "\n")


def best(values: Iterable[float], choose: Any) -> float:
    """Returns the minimum or maximum of the values that are not NaN; NaN where there is none."""
    numbers = [value for value in values if not math.isnan(value)]
    return float(choose(numbers)) if numbers else math.nan


def _median(values: Iterable[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return statistics.median(numbers) if numbers else math.nan


def _without_nan(value: Any) -> Any:
    """Replaces NaN, which JSON does not have, by None."""
    match value:
        case float() if math.isnan(value):
            return None
        case dict():
            return {str(key): _without_nan(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_nan(item) for item in value]
        case _:
            return value
