"""Tries are counted by the outcome of the delivery."""

from __future__ import annotations

from service.observability.metrics import Metrics


def test_a_try_is_counted_and_timed() -> None:
    metrics = Metrics()
    metrics.webhook_tried("delivered", 0.2)

    text = metrics.exposition(ready=True, backlog_s=0.0).decode()
    assert 'darkroom_webhook_tries_total{state="delivered"} 1.0' in text
    assert "darkroom_webhook_try_seconds_sum 0.2" in text
