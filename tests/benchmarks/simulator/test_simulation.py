"""Simulated requests, capacity and goodput."""

from __future__ import annotations

from benchmarks.simulator.report import SimulatedDevice
from benchmarks.simulator.servers import OneAtATime
from benchmarks.simulator.simulation import capacity, goodput, simulate, timed_requests
from benchmarks.simulator.tables import TABLES, sizes
from benchmarks.workload import Mix

MIX = Mix(sizes=sizes(TABLES["gpu"]))


def test_requests_depend_on_the_seed_only() -> None:
    first, again, other = (timed_requests("bursty", rate=2.0, count=50, mix=MIX, seed=seed) for seed in (1, 1, 2))
    slower = timed_requests("bursty", rate=1.0, count=50, mix=MIX, seed=1)

    assert first == again != other
    assert [request.params for request in slower] == [request.params for request in first]


def test_one_at_a_time_reaches_the_capacity() -> None:
    cost = SimulatedDevice(TABLES["gpu"], max_rows=16).cost
    requests = timed_requests("poisson", rate=1e9, count=180, mix=MIX, seed=1)
    latencies_s = simulate(OneAtATime(cost), requests)

    assert abs(len(requests) / max(latencies_s) / capacity(MIX, cost) - 1) < 0.01


def test_the_goodput_search_ends_between_met_and_missed_rates() -> None:
    assert 0.88 < goodput(lambda rate: float(rate <= 1.0), highest=8.0) <= 1.0
    assert goodput(lambda rate: 0.5, highest=8.0) == 0.0
