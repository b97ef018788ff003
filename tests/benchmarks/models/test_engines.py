"""Several models on one server, and on a server each, are measured with fake workers."""

from __future__ import annotations

import sys

import pytest

from benchmarks.models import engines

SETTING = engines.Setting(
    source="fake", threads=2, command=(sys.executable, "-m", "tests.harness.engine.fake_worker", "--load-s", "0.3")
)


@pytest.mark.integration
async def test_switches_and_mixed_loads_are_measured() -> None:
    switched = await engines.switches(SETTING, 1)
    load = await engines.mixed(SETTING, 2, rounds=1)

    assert min(switched.switched_s) >= 0.3
    assert (len(switched.resident_s), len(switched.switched_s)) == (2, 2)
    assert len(load.rounds) == 1
    assert switched.switched.peak_bytes >= switched.ready.peak_bytes > 0
    assert load.two_servers.now_bytes > load.one_server.now_bytes > 0
    assert len(engines.report(switched, load)) == 5


def test_two_servers_have_the_threads_of_one() -> None:
    assert SETTING.one_server().threads == 2
    assert SETTING.one_of_two_servers().threads == 1
