"""Tells the frontend the activity of a starting worker, and for how long it may be silent.

Runs in the worker's process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from service.engine import messages
from service.engine.worker.channel import Channel


class StartReport:
    """Implements `pipelines.progress.Report`.

    It is not known beforehand how long this device takes to load or to make a first call, so the longest silence
    between two reports so far is always expected again.
    """

    def __init__(self, channel: Channel, clock: Callable[[], float]) -> None:
        self._channel = channel
        self._clock = clock
        self._phase = "loading"
        self._reported_s = clock()
        self._longest_s = 0.0
        self._lock = threading.Lock()
        """Guards the two numbers: a download reports from threads of its own."""

    def enter(self, phase: str, activity: str) -> None:
        """Reports the beginning of a phase, as in `messages.Loading`."""
        self._phase = phase
        self(activity)

    def __call__(self, activity: str = "", *, expected_s: float = 0.0) -> None:
        with self._lock:
            now_s = self._clock()
            self._longest_s = max(self._longest_s, now_s - self._reported_s)
            self._reported_s = now_s
            longest_s = self._longest_s
        self._channel.send(messages.Loading(self._phase, activity, max(expected_s, longest_s)))
