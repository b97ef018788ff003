"""A slow device is told from a cost that changed."""

from __future__ import annotations

import pytest

from service.engine.costs.cost_table import Point
from service.engine.costs.device_speed import DeviceSpeed
from service.engine.costs.key_costs import KeyCosts


def key_costs() -> KeyCosts:
    return KeyCosts(1, 16, points=[Point(count, 1.0) for count in (1, 2, 4, 8, 16)], guess=None)


def learn(speed: DeviceSpeed, costs: KeyCosts, count: int, seconds: float, times: int = 1) -> None:
    for _ in range(times):
        costs.learn(count, seconds, speed.factor)
        speed.learn(costs, count)


def test_two_keys_that_slow_down_alike_show_a_slow_device() -> None:
    speed, denoise, decode = DeviceSpeed(), key_costs(), key_costs()
    learn(speed, denoise, 16, 8.0, times=20)
    assert speed.factor == 1.0

    learn(speed, decode, 4, 8.0)
    assert speed.factor == 8.0
    assert denoise.curve(speed.factor).at(2) == 1.0, "what was measured before the second key showed it"


def test_two_counts_of_the_only_key_that_is_in_use_show_a_slow_device() -> None:
    speed, denoise = DeviceSpeed(), key_costs()
    learn(speed, denoise, 16, 8.0)
    learn(speed, denoise, 8, 8.0)

    assert speed.factor == 8.0


def test_a_key_that_slows_down_beside_others_is_not_taken_for_the_device() -> None:
    speed, denoise, decode = DeviceSpeed(), key_costs(), key_costs()
    for count in (2, 4, 8, 16) * 50:
        learn(speed, denoise, count, 3.0)
        learn(speed, decode, 1, 1.0)

    assert speed.factor == 1.0
    assert denoise.curve(1.0).at(2) == 3.0


@pytest.mark.parametrize("wrong", [0.1, 20.0])
def test_one_wrong_measurement_does_not_show_a_change(wrong: float) -> None:
    speed, denoise, decode = DeviceSpeed(), key_costs(), key_costs()
    learn(speed, denoise, 16, 1.0)
    learn(speed, decode, 1, wrong)
    learn(speed, denoise, 8, 1.0)

    assert speed.factor == 1.0


def test_the_smaller_of_two_different_changes_is_believed() -> None:
    speed, denoise, decode = DeviceSpeed(), key_costs(), key_costs()
    learn(speed, denoise, 16, 8.0)
    learn(speed, decode, 1, 2.0)

    assert speed.factor == 2.0


def test_noise_does_not_move_the_factor() -> None:
    speed, denoise, decode = DeviceSpeed(), key_costs(), key_costs()
    for seconds in (0.95, 1.05, 1.02, 0.98) * 50:
        learn(speed, denoise, 16, seconds)
        learn(speed, decode, 1, seconds)

    assert speed.factor == 1.0


def test_a_device_that_is_fast_again_is_noticed_and_what_is_usual_stays() -> None:
    speed, denoise, decode = DeviceSpeed(), key_costs(), key_costs()
    for slowness in (1.0, 8.0, 1.0):
        for _ in range(40):
            learn(speed, denoise, 16, slowness)
            learn(speed, decode, 1, slowness)
        assert speed.factor == slowness
        assert denoise.curve(speed.factor).at(2) == 1.0
        assert denoise.curve(speed.factor).at(16) == 1.0


def test_a_key_that_was_never_measured_has_no_vote() -> None:
    speed, denoise, new = DeviceSpeed(), key_costs(), KeyCosts(1, 4, points=[Point(1, 1.0)], guess=None)
    learn(speed, new, 2, 9.0, times=3)
    learn(speed, denoise, 16, 9.0, times=3)

    assert speed.factor == 1.0
