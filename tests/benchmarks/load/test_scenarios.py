"""Load scenarios against a simulated server, in virtual time."""

from __future__ import annotations

import pytest

from benchmarks.load import scenarios
from benchmarks.load.scenarios import Load, Sweep
from benchmarks.load.summary import Summary
from benchmarks.metrics import goodput
from benchmarks.workload import Request
from tests.benchmarks import virtual_time
from tests.benchmarks.fakes import SMALL_MIX, SOLO_S, STEP_S, OneAtATime, UnlimitedServer


def load(rate: float, duration_s: float = 60.0) -> Load:
    return Load(rate=rate, duration_s=duration_s, max_requests=10_000, seed=1, mix=SMALL_MIX)


def test_saturated_throughput_is_all_images_over_the_time_until_the_last() -> None:
    async def measured() -> Summary:
        return await scenarios.saturate(OneAtATime().send, SMALL_MIX, 10, seed=1)

    summary = virtual_time.run(measured())
    assert summary.images_per_second == pytest.approx(10 / (STEP_S * 5 * (4 + 20)))


def test_the_warm_up_sends_short_requests_alone_and_then_together() -> None:
    async def measured() -> list[tuple[float, Request]]:
        server = OneAtATime()
        await scenarios.warm_up(server.send, SMALL_MIX, seed=1)
        return server.sent

    sent = virtual_time.run(measured())
    assert {request.steps for _, request in sent} == {4}
    assert [at_s for at_s, _ in sent] == pytest.approx([0.0, 4 * STEP_S, 4 * STEP_S])


def test_a_seed_gives_the_same_load_for_every_target() -> None:
    assert load(2.0).arrivals() == load(2.0).arrivals()


def test_a_probe_sends_all_requests_while_the_objectives_are_met() -> None:
    summary = virtual_time.run(scenarios.probe(UnlimitedServer().send, load(5.0), SOLO_S))
    assert summary.requests == len(load(5.0).arrivals())
    assert summary.attainment == 1.0


def test_a_probe_ends_as_soon_as_too_many_requests_are_late() -> None:
    async def probed() -> Summary:
        return await scenarios.probe(OneAtATime().send, load(50.0), SOLO_S)

    summary = virtual_time.run(probed())
    assert summary.attainment < 0.99
    assert summary.requests < len(load(50.0).arrivals()) / 4


def test_a_run_sends_all_requests_however_late_the_responses_are() -> None:
    async def measured() -> Summary:
        return await scenarios.run(OneAtATime().send, load(50.0, duration_s=4.0), SOLO_S)

    assert virtual_time.run(measured()).requests == len(load(50.0, duration_s=4.0).arrivals())


def test_a_sweep_finds_the_goodput_of_one_request_at_a_time() -> None:
    async def swept() -> Sweep:
        sweep, server = Sweep(0.1, 10.0, []), OneAtATime()
        for _ in range(8):
            await sweep.step(server.send, lambda rate: load(rate, duration_s=600.0), SOLO_S)
        return sweep

    sweep = virtual_time.run(swept())
    found = goodput(sweep.probes)
    capacity = 2 / (STEP_S * (4 + 20))
    assert 0.1 < found < 0.5 * capacity
    assert min(probe.rate for probe in sweep.probes if probe.attainment < 0.99) < 1.1 * found


def test_a_load_without_requests_gives_no_probe() -> None:
    async def stepped() -> tuple[Summary | None, Sweep]:
        sweep = Sweep(0.001, 0.002, [])
        return await sweep.step(UnlimitedServer().send, lambda rate: load(rate, duration_s=0.001), SOLO_S), sweep

    summary, sweep = virtual_time.run(stepped())
    assert summary is None
    assert sweep.probes == []
