"""A server under many times the load of its device."""

from __future__ import annotations

import pytest

from benchmarks.store.load.plans import Latencies, Result
from benchmarks.store.parts import overload
from benchmarks.store.parts.stage import ROWS_AN_IMAGE, Stage
from benchmarks.store.servers.running import Use


def test_goodput_and_health_checks_are_measured_at_each_rate(stage: Stage) -> None:
    found = overload.measure(stage)

    for queue in ("all accepted", "queue full"):
        assert found[f"{queue}, unloaded: device, images/s"] > 0
        for rate in stage.sizes.overload_rates:
            assert found[f"{queue}, {rate:g}/s: health checks"] == 2
            assert f"{queue}, {rate:g}/s: device's goodput, share of unloaded" in found
            assert found[f"{queue}, {rate:g}/s: peak RSS, MiB"] > 1


def result(lost: int, **answers: Latencies) -> Result:
    by_status = {status.removeprefix("of_"): each for status, each in answers.items()}
    return Result(seconds=2.0, answers=by_status, lost=lost, body_bytes=0, locations=[], ended={}, cpu_s=0.5)


def test_a_health_check_with_another_answer_than_200_has_failed() -> None:
    load = result(3, of_202=Latencies(5, 0.1, 0.2), of_429=Latencies(7, 0.001, 0.002))
    checks = result(2, of_200=Latencies(10, 0.1, 0.2), of_503=Latencies(1, 0.1, 0.2))
    use = Use(2.0, 1.0, 0.0, 0.0, 0, 0, rows=12 * ROWS_AN_IMAGE, images=16)

    found = overload.figures(load, checks, use)

    assert found["device, images/s"] == 6.0
    assert (found["health checks failed or later than 1 s"], found["health checks"]) == (3, 13)
    assert (found["202, requests"], found["429, requests"], found["requests without an answer"]) == (5, 7, 3)
    assert found["429 p99, ms"] == pytest.approx(2.0)
    assert (found["server CPU, cores"], found["generator CPU, cores"]) == (0.5, 0.25)
