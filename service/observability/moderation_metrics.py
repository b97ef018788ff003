"""Metrics of moderation: the verdicts, and how long they took. Knows no HTTP and no database."""

from __future__ import annotations

from collections.abc import Mapping

from service.observability.metric_group import SECONDS, MetricGroup


class ModerationMetrics(MetricGroup):
    """Declares and records the metrics of moderation."""

    def __init__(self) -> None:
        super().__init__()
        self._verdicts = self._counter(
            "moderation_verdicts", "Prompts and images that were judged, by outcome.", "subject", "outcome"
        )
        self._judgement_seconds = self._histogram(
            "moderation_seconds", "Time from the request to the moderation service to its answer.", SECONDS, "subject"
        )

    def judged(self, subject: str, outcomes: Mapping[str, int], seconds: float) -> None:
        """Records one request to the moderation service: the number of its prompts or images, by outcome.

        The subject and the outcomes are those of `service.moderation.verdicts`.
        """
        for outcome, count in outcomes.items():
            self._verdicts.labels(subject, outcome).inc(count)
        self._judgement_seconds.labels(subject).observe(seconds)
