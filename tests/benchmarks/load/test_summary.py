"""The metrics of a load and their text."""

from __future__ import annotations

import math

import pytest

from benchmarks.load.generator import Outcome
from benchmarks.load.summary import format_summary, is_missed, summarize
from benchmarks.workload import Arrival, Request
from tests.benchmarks.fakes import SOLO_S

SHORT, LONG = Request("a star", 4, 1.0, (128, 128), 1), Request("a star", 20, 1.0, (128, 128), 1)


def test_a_summary_has_latencies_by_number_of_steps() -> None:
    outcomes = [Outcome(Arrival(0.0, SHORT), 0.1), Outcome(Arrival(1.0, LONG), 3.0), Outcome(Arrival(2.0, LONG), None)]
    summary = summarize(outcomes, SOLO_S)
    assert {steps: latency.p95 for steps, latency in summary.latency_by_steps_s.items()} == {4: 0.1, 20: 3.0}
    assert summary.attainment == pytest.approx(1 / 3)
    assert summary.images_per_second == pytest.approx(2 / 4.0)


def test_a_summary_without_solo_times_has_no_attainment() -> None:
    assert math.isnan(summarize([Outcome(Arrival(0.0, SHORT), 0.1)]).attainment)


def test_the_objective_is_three_times_the_solo_time() -> None:
    assert not is_missed(Outcome(Arrival(0.0, SHORT), 3 * SOLO_S[SHORT.request_class]), SOLO_S)
    assert is_missed(Outcome(Arrival(0.0, SHORT), 3.1 * SOLO_S[SHORT.request_class]), SOLO_S)
    assert is_missed(Outcome(Arrival(0.0, SHORT), None, "status 500"), SOLO_S)


def test_failures_are_listed_by_reason() -> None:
    assert "failed: 1 x status 500" in format_summary(
        summarize([Outcome(Arrival(0.0, SHORT), None, "status 500")], SOLO_S)
    )
