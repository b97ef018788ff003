from __future__ import annotations

import sys

import pytest

from benchmarks.models import engines

COMMAND = (sys.executable, "-m", "tests.harness.engine.fake_worker", "--load-s", "0.3")


@pytest.mark.integration
async def test_switches_and_mixed_loads_are_measured() -> None:
    switched = await engines.switches("fake", 1, COMMAND)
    load = await engines.mixed("fake", 2, COMMAND)

    assert min(switched.switched_s) >= 0.3
    assert (len(switched.resident_s), len(switched.switched_s)) == (2, 2)
    assert len(engines.report(switched, load)) == 4
