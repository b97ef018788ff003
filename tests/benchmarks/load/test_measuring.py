"""Warm-up, saturation, probes and sweeps against a server that works jobs off one after another, in virtual time."""

from __future__ import annotations

import math

import pytest

from benchmarks.load import measuring
from benchmarks.load.generator import Outcome
from benchmarks.load.measuring import Load, Sweep
from benchmarks.load.summary import Summary, describe, is_missed, summarize
from benchmarks.measures import goodput
from benchmarks.workload import Arrival, Job
from tests.benchmarks import virtual_time
from tests.benchmarks.fakes import SMALL, SOLO_S, STEP_S, Instant, OneAtATime

SHORT, LONG = Job("a star", 4, 1.0, (128, 128), 1), Job("a star", 20, 1.0, (128, 128), 1)


def load(rate: float, duration_s: float = 60.0) -> Load:
    return Load(rate=rate, duration_s=duration_s, max_jobs=10_000, seed=1, mix=SMALL)


def test_saturation_is_all_jobs_over_the_time_until_the_last() -> None:
    async def measured() -> Summary:
        return await measuring.saturate(OneAtATime().send, SMALL, 10, seed=1)

    summary = virtual_time.run(measured())
    assert summary.images_per_second == pytest.approx(10 / (STEP_S * 5 * (4 + 20)))


def test_warm_up_is_of_the_fewest_steps_alone_and_then_together() -> None:
    async def measured() -> list[tuple[float, Job]]:
        server = OneAtATime()
        await measuring.warm_up(server.send, SMALL, seed=1)
        return server.sent

    sent = virtual_time.run(measured())
    assert {job.steps for _, job in sent} == {4}
    assert [at_s for at_s, _ in sent] == pytest.approx([0.0, 4 * STEP_S, 4 * STEP_S])


def test_a_load_of_a_seed_is_the_same_for_every_target() -> None:
    assert load(2.0).arrivals() == load(2.0).arrivals()


def test_a_probe_sends_everything_where_all_are_in_time() -> None:
    summary = virtual_time.run(measuring.probe(Instant().send, load(5.0), SOLO_S))
    assert summary.jobs == len(load(5.0).arrivals())
    assert summary.attainment == 1.0


def test_a_probe_ends_when_it_is_clear_that_too_many_are_late() -> None:
    async def probed() -> Summary:
        return await measuring.probe(OneAtATime().send, load(50.0), SOLO_S)

    summary = virtual_time.run(probed())
    assert summary.attainment < 0.99
    assert summary.jobs < len(load(50.0).arrivals()) / 4


def test_a_whole_run_is_sent_however_late_the_answers_are() -> None:
    async def measured() -> Summary:
        return await measuring.run(OneAtATime().send, load(50.0, duration_s=4.0), SOLO_S)

    assert virtual_time.run(measured()).jobs == len(load(50.0, duration_s=4.0).arrivals())


def test_a_sweep_finds_where_one_at_a_time_stops_to_be_in_time() -> None:
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


def test_a_sweep_takes_nothing_from_a_load_without_jobs() -> None:
    async def stepped() -> tuple[Summary | None, Sweep]:
        sweep = Sweep(0.001, 0.002, [])
        return await sweep.step(Instant().send, lambda rate: load(rate, duration_s=0.001), SOLO_S), sweep

    summary, sweep = virtual_time.run(stepped())
    assert summary is None
    assert sweep.probes == []


def test_a_summary_tells_the_classes_of_steps_apart() -> None:
    outcomes = [Outcome(Arrival(0.0, SHORT), 0.1), Outcome(Arrival(1.0, LONG), 3.0), Outcome(Arrival(2.0, LONG), None)]
    summary = summarize(outcomes, SOLO_S)
    assert {steps: latency.p95 for steps, latency in summary.latency_by_steps_s.items()} == {4: 0.1, 20: 3.0}
    assert summary.attainment == pytest.approx(1 / 3)
    assert summary.images_per_second == pytest.approx(2 / 4.0)


def test_a_summary_without_solo_times_has_no_attainment() -> None:
    assert math.isnan(summarize([Outcome(Arrival(0.0, SHORT), 0.1)]).attainment)


def test_the_objective_is_three_times_the_solo_time() -> None:
    assert not is_missed(Outcome(Arrival(0.0, SHORT), 3 * SOLO_S[SHORT.kind]), SOLO_S)
    assert is_missed(Outcome(Arrival(0.0, SHORT), 3.1 * SOLO_S[SHORT.kind]), SOLO_S)
    assert is_missed(Outcome(Arrival(0.0, SHORT), None, "status 500"), SOLO_S)


def test_failures_are_listed() -> None:
    assert "failed: 1 x status 500" in describe(summarize([Outcome(Arrival(0.0, SHORT), None, "status 500")], SOLO_S))
