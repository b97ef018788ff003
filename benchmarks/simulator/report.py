"""Compares the policies on the same requests and device, and formats a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks import metrics
from benchmarks.simulator.darkroom_server import DarkroomServer
from benchmarks.simulator.servers import FirstCome, OneAtATime, Server, WholeRequests
from benchmarks.simulator.simulation import Outcome, Pattern, capacity, goodput, simulate, summarize, timed_requests
from benchmarks.simulator.tables import load_table, sizes
from benchmarks.workload import Mix
from pipelines.interface import Stage
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable

MAX_DECODE: Final = 4
MAX_TEXTS: Final = 16


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """A device's true costs, and the bound on the rows of a call."""

    table: CostTable
    max_rows: int

    @property
    def cost(self) -> CostModel:
        return CostModel(
            self.table,
            max_counts={Stage.TEXT: MAX_TEXTS, Stage.DENOISE: self.max_rows, Stage.DECODE: MAX_DECODE},
        )


POLICIES: Final[dict[str, Callable[[SimulatedDevice], Server]]] = {
    "one at a time": lambda device: OneAtATime(device.cost),
    "whole requests": lambda device: WholeRequests(device.cost, by_steps=False),
    "whole requests, by steps": lambda device: WholeRequests(device.cost, by_steps=True),
    "steps, first come": lambda device: FirstCome(device.cost),
    "darkroom": lambda device: DarkroomServer(
        device.cost, table=device.table, max_rows=device.max_rows, max_decode=MAX_DECODE
    ),
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
    eta_ratios: tuple[float, float] | None
    """The p10 and the p90 of reported to true remaining times at that load; None for a policy without estimates."""


def compare(
    policies: Iterable[str], *, table: str, pattern: Pattern, count: int, load: float, max_rows: int, seed: int
) -> list[Row]:
    """Simulates each policy. `load` is a multiple of the device's rate with one image at a time."""
    device = SimulatedDevice(load_table(table), max_rows)
    mix = Mix(sizes=sizes(device.table))
    alone = capacity(mix, device.cost)

    def serve(policy: str, rate: float) -> tuple[Server, Outcome]:
        requests = timed_requests(pattern, rate=rate * alone, count=count, mix=mix, seed=seed)
        server = POLICIES[policy](device)
        return server, summarize(requests, simulate(server, requests), device.cost)

    def run(policy: str, rate: float) -> Outcome:
        _, outcome = serve(policy, rate)
        return outcome

    def row(policy: str) -> Row:
        server, outcome = serve(policy, load)
        return Row(
            policy,
            goodput(lambda rate: run(policy, rate).attainment, highest=_HIGHEST),
            run(policy, _SATURATION).throughput / alone,
            outcome,
            _eta_ratios(server),
        )

    return [row(policy) for policy in policies]


def _eta_ratios(server: Server) -> tuple[float, float] | None:
    ratios = [estimate.reported_s / estimate.true_s for estimate in server.estimates]
    return (metrics.percentile(ratios, 0.1), metrics.percentile(ratios, 0.9)) if ratios else None


def markdown(rows: Sequence[Row]) -> str:
    """Returns the rows as a Markdown table. The last column is the p10 and the p90 of the ratios."""
    head = [
        "| policy | goodput at 99% | saturated | in time | p50 s | p95 s | p99 s | p95 s, fewest steps | ETA / true |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join([*head, *(_line(row) for row in rows)])


def _line(row: Row) -> str:
    outcome, latency_s = row.outcome, row.outcome.latency_s
    seconds = (latency_s.p50, latency_s.p95, latency_s.p99, outcome.short_p95_s)
    cells = [f"{row.goodput:.2f}x", f"{row.saturated:.2f}x", f"{outcome.attainment:.1%}"]
    etas = "" if row.eta_ratios is None else "{:.2f} to {:.2f}".format(*row.eta_ratios)
    return f"| {row.policy} | " + " | ".join([*cells, *(f"{value:.2f}" for value in seconds), etas]) + " |"
