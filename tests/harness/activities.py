"""Collects the activities that a start reports."""

from __future__ import annotations


class Activities:
    """Implements `pipelines.progress.Report`."""

    def __init__(self) -> None:
        self.said: list[str] = []
        """The activity of each report, in order."""

    def __call__(self, activity: str = "", *, expected_s: float = 0.0) -> None:
        self.said.append(activity)
