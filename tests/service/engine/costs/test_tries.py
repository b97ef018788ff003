"""Counts that have not been measured for long are tried again."""

from __future__ import annotations

import itertools

from service.engine.costs.tries import Tries


def wait(tries: Tries, *, since: int) -> int:
    """Returns the calls after `since` at which 8 rows have waited long enough to be tried."""
    return next(calls for calls in itertools.count() if tries.waited(8, since + calls) >= 1)


def test_a_count_that_is_met_is_not_tried() -> None:
    tries = Tries()
    for calls in range(100):
        assert tries.waited(8, calls) < 1
        tries.met(8, calls, surprise=False)


def test_each_try_makes_the_next_one_later_up_to_a_bound() -> None:
    tries, calls, waits = Tries(), 0, []
    for _ in range(30):
        waits.append(wait(tries, since=calls))
        calls += waits[-1]
        tries.tried(8, calls)

    assert waits == sorted(waits)
    assert waits[0] < waits[1] < waits[2]
    assert waits[-1] == waits[-2]


def test_a_surprise_makes_the_next_try_as_soon_as_the_first() -> None:
    tries = Tries()
    first = wait(tries, since=0)
    tries.tried(8, 0)
    tries.met(8, 0, surprise=False)
    assert wait(tries, since=0) > first

    tries.met(8, 0, surprise=True)
    assert wait(tries, since=0) == first
