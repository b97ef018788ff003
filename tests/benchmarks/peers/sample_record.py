"""A record of three servers, small enough to check by hand."""

from __future__ import annotations

from benchmarks.load.summary import Summary
from benchmarks.metrics import Percentiles
from benchmarks.peers.records import Record, TargetRecord
from benchmarks.peers.servers import OURS


def summary(rate: float = 1.0, attainment: float = 1.0, short_p95_s: float = 1.0) -> Summary:
    latency = Percentiles(short_p95_s, short_p95_s, short_p95_s)
    return Summary(10, 0, {}, rate, latency, {4: latency}, attainment)


def target_record(
    title: str, saturated: list[float], probes: list[tuple[float, float]], short_p95_s: float
) -> TargetRecord:
    return TargetRecord(
        title,
        start_s=[20.0],
        saturated=[summary(rate) for rate in saturated],
        at_load=[(0.7, summary(short_p95_s=short_p95_s))] if short_p95_s else [],
        probes=[(rate, summary(attainment=attainment)) for rate, attainment in probes],
    )


def sample_record() -> Record:
    return Record(
        machine={},
        plan={"mix": {"steps": [4, 20]}},
        http_overhead_s=[0.004, 0.003, 0.009],
        targets={
            OURS: target_record("Darkroom", [2.0, 4.0, 2.2], [(1.0, 1.0), (2.0, 0.5)], 0.5),
            "a": target_record("A", [1.0, 1.0, 1.0], [(0.2, 1.0), (0.4, 0.9)], 3.0),
            "b": target_record("B & C", [1.1, 1.1, 1.1], [(0.3, 0.6)], 2.0),
        },
    )
