"""Metrics of traces: the numbers of spans that were made, and that the collector has taken."""

from __future__ import annotations

from service.observability.metric_group import MetricGroup


class TraceMetrics(MetricGroup):
    """Declares and records the metrics of spans. Any thread may call its methods."""

    def __init__(self) -> None:
        super().__init__()
        self._made = self._counter("spans", "Spans that were made and are to be exported.")
        self._exported = self._counter("spans_exported", "Spans that the collector has taken.")

    def span_made(self) -> None:
        self._made.inc()

    def spans_exported(self, count: int) -> None:
        self._exported.inc(count)
