"""Metrics of webhooks: the outcomes of tries to deliver them. Knows no HTTP and no database."""

from __future__ import annotations

from service.observability.metric_group import SECONDS, MetricGroup


class WebhookMetrics(MetricGroup):
    """Declares and records the metrics of webhooks."""

    def __init__(self) -> None:
        super().__init__()
        self._tries = self._counter("webhook_tries", "Tries to deliver a webhook, by what became of it.", "state")
        self._try_seconds = self._histogram(
            "webhook_try_seconds", "Time that a try to deliver a webhook took.", SECONDS
        )

    def webhook_tried(self, state: str, seconds: float) -> None:
        """Records a try. `state` is one of `service.webhooks.deliveries.DeliveryState`."""
        self._tries.labels(state).inc()
        self._try_seconds.observe(seconds)
