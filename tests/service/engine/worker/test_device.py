"""Marks measure the device's time for the work between them."""

from __future__ import annotations

import pytest

from service.engine.worker.device import PLAIN_DEVICE, ClockMark, EventMark


class Event:
    """A `TimedEvent` of a device that passes an event when somebody waits for it."""

    def __init__(self, at_ms: float) -> None:
        self.at_ms = at_ms
        self.recorded = False
        self.passed = False

    def record(self) -> None:
        self.recorded = True

    def query(self) -> bool:
        return self.passed

    def synchronize(self) -> None:
        self.passed = True

    def elapsed_time(self, end_event: Event) -> float:
        assert end_event.passed, "torch refuses to measure up to an event that the device has not passed"
        return end_event.at_ms - self.at_ms


def test_marks_of_events_are_placed_at_once_and_waited_for_when_they_are_measured() -> None:
    first, second = Event(1000.0), Event(1250.0)
    start, end = EventMark(first), EventMark(second)
    assert first.recorded
    assert not end.ready

    assert end.seconds_since(start) == 0.25

    assert second.passed
    assert end.ready


def test_marks_of_a_clock_are_always_ready() -> None:
    assert ClockMark(5.5).seconds_since(ClockMark(3.0)) == 2.5
    assert ClockMark(3.0).ready


def test_a_device_without_a_library_has_no_marks_and_no_memory_of_its_own() -> None:
    assert PLAIN_DEVICE.mark is None
    assert PLAIN_DEVICE.memory() is None


def test_a_mark_is_measured_from_any_earlier_one() -> None:
    marks = [EventMark(Event(at_ms)) for at_ms in (0.0, 10.0, 30.0)]

    assert [mark.seconds_since(marks[0]) for mark in marks[1:]] == pytest.approx([0.01, 0.03])
