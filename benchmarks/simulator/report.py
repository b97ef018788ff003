"""Compares the policies on the same requests and device, and formats a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.simulator.servers import MAX_DECODE, DarkroomServer, FirstCome, OneAtATime, Server, WholeRequests
from benchmarks.simulator.simulation import Outcome, Pattern, capacity, goodput, simulate, summarize, timed_requests
from benchmarks.simulator.tables import load_table
from benchmarks.workload import Mix
from service.engine.costs.cost_model import CostModel

POLICIES: Final[dict[str, Callable[[CostModel], Server]]] = {
    "one at a time": OneAtATime,
    "whole requests": lambda cost: WholeRequests(cost, by_steps=False),
    "whole requests, by steps": lambda cost: WholeRequests(cost, by_steps=True),
    "steps, first come": FirstCome,
    "darkroom": DarkroomServer,
}
_SATURATION: Final = 1000.0
"""Rate at which all requests arrive almost at once, as a multiple of the rate of one at a time."""
_HIGHEST: Final = 8.0
"""Rate that no policy can sustain, as a multiple of the rate of one at a time."""


@dataclass(frozen=True, slots=True)
class Row:
    """The results of one policy."""

    policy: str
    goodput: float
    """The highest rate at which 99% of the images meet their SLO, as a multiple of the rate of one at a time."""
    saturated: float
    """Images per second when all requests arrive at once, as a multiple of the rate of one at a time."""
    outcome: Outcome
    """The result at the requested load."""


def compare(
    policies: Iterable[str], *, table: str, pattern: Pattern, count: int, load: float, max_rows: int, seed: int
) -> list[Row]:
    """Simulates each policy. `load` is a multiple of the device's rate with one image at a time."""
    costs = load_table(table)
    mix = Mix(sizes=tuple((cost.width, cost.height) for cost in costs.sizes))
    alone = capacity(mix, CostModel(costs, max_rows=max_rows, max_decode=MAX_DECODE))

    def run(policy: str, rate: float) -> Outcome:
        cost = CostModel(costs, max_rows=max_rows, max_decode=MAX_DECODE)
        requests = timed_requests(pattern, rate=rate * alone, count=count, mix=mix, seed=seed)
        return summarize(requests, simulate(POLICIES[policy](cost), requests), cost)

    def row(policy: str) -> Row:
        return Row(
            policy,
            goodput(lambda rate: run(policy, rate).attainment, highest=_HIGHEST),
            run(policy, _SATURATION).throughput / alone,
            run(policy, load),
        )

    return [row(policy) for policy in policies]


def markdown(rows: Sequence[Row]) -> str:
    """Returns the rows as a Markdown table."""
    head = [
        "| policy | goodput at 99% | saturated | in time | p50 s | p95 s | p99 s | p95 s, fewest steps |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join([*head, *(_line(row) for row in rows)])


def _line(row: Row) -> str:
    outcome, latency_s = row.outcome, row.outcome.latency_s
    seconds = (latency_s.p50, latency_s.p95, latency_s.p99, outcome.short_p95_s)
    cells = [f"{row.goodput:.2f}x", f"{row.saturated:.2f}x", f"{outcome.attainment:.1%}"]
    return f"| {row.policy} | " + " | ".join([*cells, *(f"{value:.2f}" for value in seconds)]) + " |"
