"""A clock that jumps is not believed until it is right again, or has been off for an hour."""

from __future__ import annotations

import pytest

from service.jobs.upkeep.clock_watch import ClockWatch

DAY_S = 86400.0


class Clocks:
    """A wall clock and a steady one."""

    def __init__(self) -> None:
        self.wall_s, self.steady_s = 1e9, 50.0
        self.watch = ClockWatch(lambda: self.wall_s, steady=lambda: self.steady_s)
        assert self.watch.is_sane()

    def after(self, seconds: float, *, jump_s: float = 0.0) -> bool:
        self.steady_s += seconds
        self.wall_s += seconds + jump_s
        return self.watch.is_sane()


def test_a_clock_that_runs_is_sane_however_much_time_passes() -> None:
    clocks = Clocks()

    assert all(clocks.after(seconds) for seconds in (1.0, DAY_S, 30 * DAY_S))


def test_a_clock_may_be_corrected_by_a_little_again_and_again() -> None:
    clocks = Clocks()

    assert all(clocks.after(60.0, jump_s=30.0) for _ in range(10))


@pytest.mark.parametrize("jump_s", [8 * DAY_S, -8 * DAY_S, 3600.0])
def test_a_jump_is_not_believed_until_it_is_taken_back(jump_s: float) -> None:
    clocks = Clocks()

    assert not clocks.after(60.0, jump_s=jump_s)
    assert not clocks.after(60.0)
    assert clocks.after(60.0, jump_s=-jump_s)


def test_a_jump_that_stays_for_an_hour_is_believed() -> None:
    clocks = Clocks()

    assert not clocks.after(60.0, jump_s=8 * DAY_S)
    assert not clocks.after(3000.0)
    assert clocks.after(601.0)
    assert clocks.after(60.0)


def test_a_clock_that_jumps_about_is_not_believed() -> None:
    clocks = Clocks()

    assert not any(clocks.after(1800.0, jump_s=jump_s) for jump_s in (DAY_S, DAY_S, DAY_S, -5 * DAY_S))
