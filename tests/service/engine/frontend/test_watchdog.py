"""A worker that is silent for too long is first late, and then stuck."""

from __future__ import annotations

import pytest

from pipelines.fake import FakePipeline
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.watchdog import TICK_S, Watchdog
from service.engine.messages import BEAT_S, Beat, Busy, Loading, Ready

CONFIG = EngineConfig(
    worker=WorkerConfig(model="fake"), load_timeout_s=900, stall_timeout_s=15, unmeasured_timeout_s=120
)
BEAT = Beat(active=0, waiting=0)


@pytest.fixture
def watchdog() -> Watchdog:
    watchdog = Watchdog(CONFIG)
    watchdog.heard(Ready((FakePipeline().info,)))
    return watchdog


def be_silent(watchdog: Watchdog, seconds: float) -> Watchdog:
    """Lets the worker be silent for `seconds`."""
    for _ in range(round(seconds / TICK_S)):
        watchdog.tick(TICK_S)
    return watchdog


def test_a_worker_is_late_within_two_beats_and_not_after_one(watchdog: Watchdog) -> None:
    assert not be_silent(watchdog, BEAT_S).late
    assert be_silent(watchdog, BEAT_S).late
    assert not watchdog.stuck


def test_any_message_ends_the_silence(watchdog: Watchdog) -> None:
    be_silent(watchdog, 10)
    watchdog.heard(BEAT)

    assert not watchdog.late


def test_a_worker_is_stuck_after_the_stall_timeout(watchdog: Watchdog) -> None:
    assert not be_silent(watchdog, 14).stuck
    assert be_silent(watchdog, 2).stuck


def test_an_announced_call_is_late_after_three_and_stuck_after_ten_times_its_expected_time(
    watchdog: Watchdog,
) -> None:
    watchdog.heard(Busy(60.0))

    assert not be_silent(watchdog, 180).late
    assert be_silent(watchdog, 3).late
    assert not be_silent(watchdog, 400).stuck
    assert be_silent(watchdog, 60).stuck


def test_an_announcement_holds_for_one_call_only(watchdog: Watchdog) -> None:
    watchdog.heard(Busy(60.0))
    watchdog.heard(BEAT)

    assert be_silent(watchdog, 16).stuck


def test_work_of_unknown_length_has_a_timeout_of_its_own(watchdog: Watchdog) -> None:
    watchdog.heard(Busy(None))

    assert not be_silent(watchdog, 119).late
    assert be_silent(watchdog, 2).stuck


def test_a_call_of_a_kind_that_was_never_measured_may_take_ten_times_its_guess(watchdog: Watchdog) -> None:
    watchdog.heard(Busy(60.0, is_guess=True))

    assert not be_silent(watchdog, 610).late
    assert be_silent(watchdog, 10).stuck


def test_a_short_guess_leaves_such_a_call_its_timeout(watchdog: Watchdog) -> None:
    watchdog.heard(Busy(0.01, is_guess=True))

    assert not be_silent(watchdog, 119).late
    assert be_silent(watchdog, 2).stuck


def test_a_start_that_expects_a_long_silence_is_given_the_time(watchdog: Watchdog) -> None:
    watchdog.heard(Loading("warming", expected_s=500.0))

    assert not be_silent(watchdog, 5800).stuck
    assert be_silent(watchdog, 200).stuck


def test_a_loading_worker_is_never_late_but_may_be_stuck() -> None:
    watchdog = Watchdog(CONFIG)
    watchdog.heard(Loading("loading"))

    assert not be_silent(watchdog, 890).late
    assert be_silent(watchdog, 20).stuck


def test_a_load_that_reports_is_never_stuck() -> None:
    watchdog = Watchdog(CONFIG)
    for _ in range(5):
        watchdog.heard(Loading("preparing"))
        assert not be_silent(watchdog, 890).stuck


def test_a_tick_of_an_hour_does_not_count_against_the_worker(watchdog: Watchdog) -> None:
    watchdog.tick(3600.0)

    assert not watchdog.late
