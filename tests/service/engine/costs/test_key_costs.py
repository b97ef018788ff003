"""The costs of one key: its curve, its knee, its tries, and the limit of the memory."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from service.engine.costs.cost_table import Point
from service.engine.costs.key_costs import KeyCosts
from service.engine.costs.latency_curve import LatencyCurve

FLAT_TO_8 = {1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0, 16: 2.0}
FIRST_TRY = 16
"""Calls without a count after which it is tried for the first time."""


def known(points: dict[int, float], *, most: int = 16, weight: float = 1.0) -> KeyCosts:
    return KeyCosts(2, most, points=[Point(count, s, weight) for count, s in points.items()], guess=None)


def learn(costs: KeyCosts, counts: Iterable[int], seconds: dict[int, float]) -> None:
    for count in counts:
        costs.learn(count, seconds[count], factor=1.0)


def asked(costs: KeyCosts, seconds: dict[int, float], *, calls: int) -> list[int]:
    """Makes calls of as many rows as the costs ask for. Returns their counts."""
    counts = []
    for _ in range(calls):
        counts.append(costs.knee(1.0))
        costs.learn(counts[-1], seconds[counts[-1]], factor=1.0)
    return counts


def test_points_of_an_earlier_start_give_the_curve_and_the_knee() -> None:
    costs = known(FLAT_TO_8)

    assert [costs.curve(1.0).at(count) for count in (2, 8, 12)] == [1.0, 1.0, 1.5]
    assert costs.best(1.0) == costs.knee(1.0) == 8
    assert list(costs.points(1.0))[-1].count == 16


def test_the_knee_stays_between_its_bounds() -> None:
    assert known({1: 1.0, 2: 5.0, 4: 10.0}).best(1.0) == 2
    assert known(FLAT_TO_8, most=5).best(1.0) == 5


def test_points_are_stored_with_the_number_of_their_measurements() -> None:
    costs = known({1: 1.0, 2: 1.0})
    learn(costs, [2, 2, 2], {2: 3.0})
    one, two = costs.points(1.0)

    assert (one.seconds, two.seconds) == (1.0, 3.0)
    assert one.weight < 1.0 < two.weight


def test_a_few_measurements_between_known_counts_do_not_bend_the_curve() -> None:
    costs = known(FLAT_TO_8)
    learn(costs, [3, 3], {3: 0.1})
    assert costs.curve(1.0).at(3) == 1.0

    learn(costs, [6, 6, 6], {6: 1.0})
    assert 6 in costs.curve(1.0).counts


def test_a_guess_gives_the_shape_and_measurements_give_the_level() -> None:
    costs = KeyCosts(2, 16, guess=LatencyCurve([1, 2, 4, 8, 16], [1.0, 1.0, 1.0, 2.0, 4.0]))
    assert costs.best(1.0) == 4

    learn(costs, [3], {3: 10.0})
    assert [costs.curve(1.0).at(count) for count in (1, 3, 16)] == [10.0, 10.0, 40.0]


def test_a_key_is_measured_once_a_call_was_learned() -> None:
    guessed, learned = (KeyCosts(2, 16, guess=LatencyCurve([1], [1.0])) for _ in range(2))
    learn(learned, [3], {3: 10.0})

    assert [costs.measured for costs in (guessed, learned)] == [False, True]


def test_one_wrong_measurement_does_not_set_the_level_of_a_guess() -> None:
    costs = KeyCosts(2, 16, guess=LatencyCurve([1, 2, 4], [1.0, 1.0, 1.0]))
    learn(costs, [4, 3, 3], {4: 200.0, 3: 10.0})

    assert costs.curve(1.0).at(2) == 10.0


def test_more_rows_than_were_ever_measured_are_tried_while_they_help() -> None:
    costs = known({1: 1.0, 2: 1.0})

    assert asked(costs, FLAT_TO_8, calls=4) == [4, 8, 16, 8]


def test_rows_are_doubled_only_once_fewer_were_measured() -> None:
    costs = known({1: 1.0})
    assert costs.knee(1.0) == 2

    learn(costs, [2], FLAT_TO_8)
    assert costs.knee(1.0) == 4


def test_asking_for_the_knee_changes_nothing() -> None:
    costs = known(FLAT_TO_8)
    learn(costs, [8] * FIRST_TRY, FLAT_TO_8)

    assert len({costs.knee(1.0) for _ in range(100)}) == 1


def test_each_count_that_is_not_met_is_tried_again_now_and_then() -> None:
    counts = asked(known(FLAT_TO_8), FLAT_TO_8, calls=1000)

    assert counts[:FIRST_TRY] == [8] * FIRST_TRY
    assert set(counts) == {1, 2, 4, 8, 16}
    assert 900 < counts.count(8) < 1000


def test_a_try_of_more_rows_ends_with_a_call_that_has_more() -> None:
    costs = known(FLAT_TO_8)
    for _ in range(FIRST_TRY):
        learn(costs, [1, 2, 4, 8], FLAT_TO_8)
    assert costs.knee(1.0) == 16

    learn(costs, [6, 8], {6: 1.0, 8: 1.0})
    assert costs.knee(1.0) == 16

    learn(costs, [10], {10: 1.25})
    assert costs.knee(1.0) == 8


def test_a_try_of_fewer_rows_ends_with_the_next_call() -> None:
    costs = known(FLAT_TO_8)
    learn(costs, [8] * FIRST_TRY, FLAT_TO_8)
    assert costs.knee(1.0) == 1

    learn(costs, [2], FLAT_TO_8)
    assert costs.knee(1.0) != 1


def test_a_count_that_was_measured_far_too_slow_is_used_again_after_its_try() -> None:
    counts = asked(known({1: 1.0, 2: 1.0, 4: 60.0}, most=4), FLAT_TO_8, calls=FIRST_TRY + 10)

    assert counts[:FIRST_TRY] == [2] * FIRST_TRY
    assert counts[-5:] == [4] * 5


def test_tries_of_a_count_that_is_truly_bad_waste_a_few_percent() -> None:
    cliff = {1: 1.0, 2: 1.0, 4: 20.0}
    counts = asked(known(cliff, most=4), cliff, calls=2000)

    assert counts.count(4) * cliff[4] < 0.05 * 2000


def test_out_of_memory_leaves_what_fitted() -> None:
    costs = known({1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0, 16: 1.0}, most=32)
    costs.learn_out_of_memory(20)
    assert costs.max_count == costs.knee(1.0) == 16

    costs.learn_out_of_memory(16)
    assert costs.max_count == costs.knee(1.0) == 8


def test_out_of_memory_halves_the_count_where_nothing_is_known_to_fit() -> None:
    costs = KeyCosts(2, 32, guess=LatencyCurve([1, 32], [1.0, 1.0]))
    costs.learn_out_of_memory(20)

    assert costs.max_count == costs.knee(1.0) == 10
    assert not costs.measured


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_guided_image_is_called_whatever_ran_out_of_memory(count: int) -> None:
    costs = known(FLAT_TO_8)
    costs.learn_out_of_memory(count)

    assert costs.knee(1.0) == 2


def test_a_limit_of_the_memory_is_tried_again_after_a_long_while_and_then_after_a_longer_one() -> None:
    costs = known({1: 1.0, 2: 1.0, 4: 1.0})
    lasted = []
    for _ in range(2):
        costs.learn_out_of_memory(4)
        lasted.append(0)
        while costs.max_count is not None:
            costs.learn(2, 1.0, factor=1.0)
            lasted[-1] += 1

    assert 1000 < lasted[0] < lasted[1]
    assert costs.best(1.0) == 4


def test_a_later_limit_does_not_raise_an_earlier_one() -> None:
    costs = known(FLAT_TO_8)
    costs.limit(4)
    costs.limit(12)

    assert costs.max_count == 4


def test_measurements_are_taken_at_the_speed_of_the_device() -> None:
    costs = known({2: 1.0, 4: 1.0})
    for _ in range(5):
        costs.learn(4, 8.0, factor=8.0)

    assert costs.curve(8.0).at(4) == 1.0
    assert costs.slowdown(4) == 8.0
    assert {point.seconds for point in costs.points(8.0)} == {8.0}

    costs.settle(4, [1.0, 8.0])
    assert costs.curve(1.0).at(2) == 1.0
