"""Lets a slow start report that it goes on, and what it is doing. Torch-free.

Whoever starts a worker takes a long silence for a sign that it is stuck, and shows people what it heard last.
"""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """Takes what a start says of itself. May be called from any thread."""

    def __call__(self, activity: str = "", *, expected_s: float = 0.0) -> object:
        """Says that `activity` begins, in words for people such as "loading the unet".

        An empty text says that the last activity goes on. `expected_s` is the longest silence, in seconds, that is to
        be expected until the next report; 0 where it is not known.
        """


def unreported(activity: str = "", *, expected_s: float = 0.0) -> None:
    """Implements `Report` by doing nothing."""
