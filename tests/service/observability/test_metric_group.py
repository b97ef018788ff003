"""Groups of metrics that one class inherits share a registry, and all names have the prefix."""

from __future__ import annotations

from prometheus_client import generate_latest

from service.observability.metric_group import MetricGroup


class One(MetricGroup):
    def __init__(self) -> None:
        super().__init__()
        self.first = self._counter("first", "A counter.", "kind")


class Other(MetricGroup):
    def __init__(self) -> None:
        super().__init__()
        self.second = self._gauge("second", "A gauge.")
        self.third = self._histogram("third_seconds", "A histogram.", (1.0,))


class Both(One, Other):
    def exposition(self) -> list[str]:
        return generate_latest(self._registry).decode().splitlines()


def test_inherited_groups_are_exposed_together() -> None:
    both = Both()
    both.first.labels("a").inc()
    both.second.set(2)
    both.third.observe(0.5)

    assert set(both.exposition()) >= {
        'darkroom_first_total{kind="a"} 1.0',
        "darkroom_second 2.0",
        'darkroom_third_seconds_bucket{le="1.0"} 1.0',
    }
