"""Spans are counted when they are made and when a collector has them."""

from __future__ import annotations

from service.observability.metrics import Metrics


def test_what_was_made_and_did_not_arrive_is_the_difference() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.span_made()
    metrics.spans_exported(2)

    shown = metrics.exposition(ready=True, backlog_s=0.0).decode().splitlines()

    assert {"darkroom_spans_total 3.0", "darkroom_spans_exported_total 2.0"} <= set(shown)
