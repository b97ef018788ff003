"""A call is made often enough to time it, and no more often."""

from __future__ import annotations

from benchmarks.gpu.parts import timing


def calls(budget_s: float) -> int:
    made = []
    timing.median_s(lambda: made.append(1), "cpu", budget_s=budget_s)
    return len(made)


def test_a_call_is_timed_three_times_at_least_and_twenty_at_most_after_two_calls() -> None:
    assert calls(budget_s=0.0) == 2 + 3
    assert calls(budget_s=1000.0) == 2 + 20


def test_a_time_is_that_of_the_call() -> None:
    assert timing.seconds(lambda: None, "cpu") >= 0.0
    assert timing.device_name("cpu") == "CPU"
