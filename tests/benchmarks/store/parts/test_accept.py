"""The figures of accepting jobs."""

from __future__ import annotations

from benchmarks.store.load.plans import Latencies, Result
from benchmarks.store.parts import accept
from benchmarks.store.parts.stage import Measured, Stage
from benchmarks.store.servers.running import Use


def test_jobs_are_accepted_and_priced(stage: Stage) -> None:
    found = accept.measure(stage)

    assert found["accepted, jobs/s"] > 0
    assert found["server CPU, ms/job"] > 0
    assert found["refused or lost"] == 0


def test_cpu_time_is_divided_by_the_accepted_jobs() -> None:
    answers = {"202": Latencies(100, 0.02, 0.05), "429": Latencies(7, 0.01, 0.01)}
    result = Result(seconds=4.0, answers=answers, lost=1, body_bytes=0, locations=[], ended={}, cpu_s=0.1)
    use = Use(4.0, server_cpu_s=2.0, device_cpu_s=1.0, database_cpu_s=0.5, transactions=9, writes=9, rows=9, images=9)

    assert accept.figures(Measured(result, use)) == {
        "accepted, jobs/s": 25.0,
        "server CPU, ms/job": 20.0,
        "server CPU, cores": 0.5,
        "database CPU, ms/job": 5.0,
        "POST p50, ms": 20.0,
        "POST p99, ms": 50.0,
        "generator CPU, ms/job": 1.0,
        "refused or lost": 8,
    }
