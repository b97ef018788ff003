"""The frontend follows a worker that is starting, and logs its activities."""

from __future__ import annotations

import pytest

from service.engine.messages import Loading
from service.observability.start_progress import StartProgress
from tests.harness.engine.worker_harness import Clock


def test_the_activity_is_shown_with_its_seconds_until_the_worker_serves() -> None:
    clock = Clock()
    start = StartProgress(clock)
    assert start.activity == ""

    start.heard(Loading("preparing", "loading the unet"))
    clock.advance(14.0)
    assert start.activity == "loading the unet, 14 s so far"

    start.end()
    assert start.activity == ""


def test_a_message_without_another_activity_continues_the_last() -> None:
    clock = Clock()
    start = StartProgress(clock)
    for activity in ("loading the unet", "", "loading the unet"):
        start.heard(Loading("preparing", activity))
        clock.advance(5.0)

    assert start.activity == "loading the unet, 15 s so far"


def test_only_what_took_long_is_logged_with_its_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    clock = Clock()
    start = StartProgress(clock)
    for activity, seconds in (("loading the unet", 12.5), ("loading the vae", 0.5), ("checking", 30.0)):
        start.heard(Loading("preparing", activity))
        clock.advance(seconds)
    start.heard(Loading("warming", "measuring"))
    clock.advance(20.0)
    start.end()

    assert caplog.messages == ["loading the unet took 12.5 s", "checking took 30.0 s"]
