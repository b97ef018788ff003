"""A starting worker tells the frontend its activities, and for how long it may be silent."""

from __future__ import annotations

from service.engine.messages import Loading
from service.engine.worker.start_report import StartReport
from tests.harness.engine.worker_harness import Clock, MemoryChannel


def make() -> tuple[StartReport, MemoryChannel, Clock]:
    clock = Clock()
    channel = MemoryChannel(clock)
    return StartReport(channel, clock), channel, clock


def test_a_report_names_its_phase_and_activity() -> None:
    report, channel, _ = make()
    report.enter("preparing", "loading the model")
    report("loading the unet")
    report()

    assert channel.sent == [
        Loading("preparing", "loading the model"),
        Loading("preparing", "loading the unet"),
        Loading("preparing"),
    ]


def test_the_longest_silence_so_far_is_expected_again() -> None:
    report, channel, clock = make()
    for silence_s in (1.0, 800.0, 3.0):
        clock.advance(silence_s)
        report()

    assert channel.sent == [Loading("loading", expected_s=expected_s) for expected_s in (1.0, 800.0, 800.0)]


def test_a_longer_silence_may_be_asked_for() -> None:
    report, channel, clock = make()
    clock.advance(5.0)
    report("checking", expected_s=1200.0)
    report("checking", expected_s=2.0)

    assert channel.sent == [Loading("loading", "checking", 1200.0), Loading("loading", "checking", 5.0)]
