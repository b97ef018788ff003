"""A group of Prometheus metrics in a registry, whose names begin with `darkroom_`. Declares none."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
"""Buckets of durations."""


class MetricGroup:
    """Base of the classes that declare metrics. Groups that one class inherits share one registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"darkroom_{name}", description, labels, registry=self._registry)

    def _gauge(self, name: str, description: str, *labels: str) -> Gauge:
        return Gauge(f"darkroom_{name}", description, labels, registry=self._registry)

    def _histogram(self, name: str, description: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"darkroom_{name}", description, labels, buckets=buckets, registry=self._registry)
