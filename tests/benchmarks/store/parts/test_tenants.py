"""Two tenants at one device: the part sends both loads with their keys, and compares the small one with itself."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.store.load.plans import Latencies, Result
from benchmarks.store.parts import tenants
from benchmarks.store.parts.stage import ROWS_AN_IMAGE, Figures, Stage
from benchmarks.store.servers.running import Use


def test_both_tenants_are_known_by_their_keys_and_one_sends_a_hundred_times_what_the_other_does(stage: Stage) -> None:
    sizes = dataclasses.replace(stage.sizes, seconds=1.0)
    found = tenants.measure(dataclasses.replace(stage, sizes=sizes))

    assert found["small tenant alone, 200, requests"] >= 1
    assert found["large tenant, 200, requests"] >= 1
    sent = {name: _sent(found, name) for name in ("small tenant", "large tenant")}
    assert sum(sent.values()) == pytest.approx(10 * sizes.shared_rate * sizes.seconds, abs=1)
    assert sent["large tenant"] > 50 * sent["small tenant"]
    assert not any(", 401" in name or ", 400" in name for name in found)
    assert found["health checks"] == 4


def _sent(found: Figures, tenant: str) -> float:
    """All requests of a tenant, whatever became of them."""
    counted = (name for name in found if name.startswith(f"{tenant}, ") and "requests" in name)
    return sum(found[name] for name in counted)


def result(lost: int = 0, **answers: Latencies) -> Result:
    by_status = {status.removeprefix("of_"): each for status, each in answers.items()}
    return Result(seconds=2.0, answers=by_status, lost=lost, body_bytes=0, locations=[], ended={}, cpu_s=0.5)


def test_the_small_tenant_is_compared_with_itself() -> None:
    alone, small = result(of_200=Latencies(4, 0.1, 0.2)), result(of_200=Latencies(3, 0.15, 0.5))
    large = result(1, of_200=Latencies(30, 2.0, 3.0), of_503=Latencies(300, 0.002, 0.01))
    checks = result(2, of_200=Latencies(10, 0.1, 0.2), of_503=Latencies(1, 0.1, 0.2))
    use = Use(2.0, 1.0, 0.0, 0.0, 0, 0, rows=12 * ROWS_AN_IMAGE, images=16)

    found = tenants.figures(alone, small, large, checks, use)

    assert found["small tenant, p50, relative to alone"] == pytest.approx(1.5)
    assert found["small tenant, p99, relative to alone"] == pytest.approx(2.5)
    assert (found["large tenant, 503 p50, ms"], found["large tenant, 503 p99, ms"]) == pytest.approx((2.0, 10.0))
    assert found["large tenant, requests without an answer"] == 1
    assert (found["health checks failed or later than 1 s"], found["health checks"]) == (3, 13)
    assert (found["device, images/s"], found["server CPU, cores"]) == (6.0, 0.5)


def test_a_tenant_that_got_nothing_has_no_ratio() -> None:
    nothing, use = result(), Use(2.0, 1.0, 0.0, 0.0, 0, 0, rows=0, images=0)

    found = tenants.figures(result(of_200=Latencies(4, 0.1, 0.2)), nothing, nothing, nothing, use)

    assert "small tenant, p50, relative to alone" not in found
