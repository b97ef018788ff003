"""The results of loads."""

from __future__ import annotations

from benchmarks.store.load.plans import Latencies, Result


def test_percentiles_are_of_the_answers_of_one_kind() -> None:
    assert Latencies.of([float(number) for number in range(101)]) == Latencies(101, 50.0, 99.0)


def test_answers_are_counted_by_status() -> None:
    answers = {"202": Latencies(5, 0.1, 0.2), "429": Latencies(3, 0.1, 0.2), "503": Latencies(1, 0.1, 0.2)}
    result = Result(seconds=1.0, answers=answers, lost=0, body_bytes=0, locations=[], ended={}, cpu_s=0.0)

    assert (result.count("202"), result.count("500")) == (5, 0)
    assert result.others_than("202") == 4
