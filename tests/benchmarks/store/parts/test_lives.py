"""Whole lives of jobs."""

from __future__ import annotations

from benchmarks.store.load.plans import Latencies, Result
from benchmarks.store.parts import lives
from benchmarks.store.parts.stage import Measured, Stage
from benchmarks.store.servers.running import Use


def test_every_accepted_job_succeeds(stage: Stage) -> None:
    found = lives.measure(stage)

    assert found["lives/s"] > 0
    assert found["write calls/life"] > 0
    assert found["accepted and not succeeded"] == 0
    assert found.get("syncs by the server/life", 1) >= 1


def test_what_was_used_is_divided_by_the_jobs_that_succeeded() -> None:
    answers = {"202": Latencies(60, 0.02, 0.05)}
    ended = {"succeeded": 50, "failed": 2}
    result = Result(seconds=5.0, answers=answers, lost=0, body_bytes=0, locations=[], ended=ended, cpu_s=0.1)
    use = Use(
        5.0, server_cpu_s=2.0, device_cpu_s=1.0, database_cpu_s=0.5, transactions=300, writes=700, rows=1, images=1
    )

    assert lives.figures(Measured(result, use)) == {
        "lives/s": 10.0,
        "server CPU, ms/life": 40.0,
        "device process CPU, ms/life": 20.0,
        "database CPU, ms/life": 10.0,
        "transactions/life": 6.0,
        "accepted and not succeeded": 10,
    }
