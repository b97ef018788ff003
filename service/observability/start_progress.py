"""Follows the reports of a starting worker, and logs a line for each activity that took long.

Runs in the server's process; reads no clock itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from service.engine.messages import Loading

_SHOWN_S: Final = 2.0
"""Seconds. An activity that took longer is worth a line."""

_log = logging.getLogger(__name__)


class StartProgress:
    """Follows the starts of one device's workers."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._activity = ""
        self._since_s = 0.0
        self._is_logged = False

    @property
    def activity(self) -> str:
        """The present activity of a starting worker, and its length so far; empty unless it is starting."""
        return f"{self._activity}, {self._clock() - self._since_s:.0f} s so far" if self._activity else ""

    def heard(self, loading: Loading) -> None:
        """Applies a message. One without an activity, or with the same one, continues the last activity."""
        if loading.activity not in ("", self._activity):
            self.end()
            self._activity, self._since_s = loading.activity, self._clock()
            self._is_logged = loading.phase != "warming"  # The worker itself logs slow calls.

    def end(self) -> None:
        """Ends the activity, since the worker serves or has ended."""
        took_s = self._clock() - self._since_s
        if self._activity and self._is_logged and took_s > _SHOWN_S:
            _log.info("%s took %.1f s", self._activity, took_s)
        self._activity = ""
