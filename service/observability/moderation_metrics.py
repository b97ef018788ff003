"""Metrics of moderation: the verdicts, and how long they took. Knows no HTTP and no database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.observability.metric_group import SECONDS, MetricGroup

_SUBJECTS: Final = ("prompt", "image")
_OUTCOMES: Final = ("allowed", "blocked", "unavailable")


class ModerationMetrics(MetricGroup):
    """Declares and records the metrics of moderation."""

    def __init__(self) -> None:
        super().__init__()
        self._verdicts = self._counter(
            "moderation_verdicts", "Prompts and images that were judged, by outcome.", "subject", "outcome"
        )
        for subject in _SUBJECTS:  # A counter that appears with its first failure has no increase that an alert sees.
            for outcome in _OUTCOMES:
                self._verdicts.labels(subject, outcome)
        self._judgement_seconds = self._histogram(
            "moderation_seconds", "Time until the moderation service had judged.", SECONDS, "subject"
        )

    def judged(self, subject: str, outcomes: Mapping[str, int], seconds: float) -> None:
        """Records one request to the moderation service: the number of its prompts or images, by outcome.

        The subject and the outcomes are those of `service.moderation.verdicts`.
        """
        for outcome, count in outcomes.items():
            self._verdicts.labels(subject, outcome).inc(count)
        self._judgement_seconds.labels(subject).observe(seconds)
