"""The seconds of loads are learned from measured loads."""

from __future__ import annotations

import pytest

from service.engine.costs.load_costs import LoadCosts

GB = 10**9


def test_a_model_that_was_never_loaded_takes_the_time_of_its_bytes() -> None:
    costs = LoadCosts({"disk": 1e9})

    assert costs.seconds("a", "disk", 4 * GB) == pytest.approx(4.0)


def test_the_speed_of_other_models_loads_is_learned() -> None:
    costs = LoadCosts({"disk": 1e9})
    for _ in range(20):
        costs.learn("a", "disk", 4 * GB, 2.0)

    assert costs.seconds("b", "disk", 8 * GB) == pytest.approx(4.0, rel=0.05)


def test_a_model_is_expected_to_take_what_its_own_loads_took() -> None:
    costs = LoadCosts({"disk": 1e9})
    costs.learn("slow", "disk", GB, 9.0)
    for _ in range(20):
        costs.learn("fast", "disk", GB, 1.0)

    assert costs.seconds("slow", "disk", GB) == 9.0


def test_a_load_from_the_host_says_nothing_of_the_disk() -> None:
    costs = LoadCosts({"disk": 1e9, "host": 1e10})
    costs.learn("a", "host", GB, 100.0)

    assert costs.seconds("a", "disk", GB) == pytest.approx(1.0)


def test_later_loads_count_more_than_earlier_ones() -> None:
    costs = LoadCosts({"disk": 1e9})
    costs.learn("a", "disk", GB, 1.0)
    for _ in range(30):
        costs.learn("a", "disk", GB, 3.0)

    assert costs.seconds("a", "disk", GB) == pytest.approx(3.0, rel=0.01)
