"""An error in a batched call fails only the items that caused it."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import NonFiniteError
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import Fault, FaultIsolation


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), max_size=9))
def test_only_the_items_at_fault_fail_and_results_stay_in_order(sound: list[bool]) -> None:
    def double(items: Sequence[int]) -> list[int]:
        if not all(sound[item] for item in items):
            raise RuntimeError
        return [2 * item for item in items]

    results = FaultIsolation(PLAIN_DEVICE).run(double, range(len(sound)))

    assert [not isinstance(result, Fault) for result in results] == sound
    assert all(result == 2 * item for item, result in enumerate(results) if sound[item])


def test_items_that_an_error_names_are_left_out_at_the_next_call() -> None:
    calls: list[list[str]] = []

    def check(items: Sequence[str]) -> list[str]:
        calls.append(list(items))
        if "bad" in items:
            raise NonFiniteError(tuple(position for position, item in enumerate(items) if item == "bad"))
        return list(items)

    results = FaultIsolation(PLAIN_DEVICE).run(check, ["a", "bad", "b", "bad"])

    assert calls == [["a", "bad", "b", "bad"], ["a", "b"]]
    assert [result.code if isinstance(result, Fault) else result for result in results] == [
        "a",
        "non_finite_result",
        "b",
        "non_finite_result",
    ]


def test_a_call_with_too_few_results_is_repeated_with_fewer_items() -> None:
    results = FaultIsolation(PLAIN_DEVICE).run(lambda items: items[:1], ["a", "b"])

    assert results == ["a", "b"], "alone, each item gets its result"


def test_a_call_that_must_not_be_repeated_is_made_once() -> None:
    calls: list[None] = []

    def fail() -> None:
        calls.append(None)
        raise MemoryError

    fault = FaultIsolation(PLAIN_DEVICE).run_once(fail)

    assert isinstance(fault, Fault)
    assert fault.code == "out_of_memory"
    assert len(calls) == 1
