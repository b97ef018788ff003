"""Metrics of the edge: connections, refusals of the protocol, requests, streams of events, and the process itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Literal, TypeAlias

from prometheus_client import PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from service.observability import logs
from service.observability.metric_group import SECONDS, MetricGroup

ListenerName: TypeAlias = Literal["api", "admin"]


class _DroppedLines(Collector):
    """Reads the number of dropped log lines at each exposition."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(
            "darkroom_log_lines_dropped",
            "Log lines of the server's process that were dropped because nothing read the log.",
            value=logs.dropped_lines(),
        )


class EdgeMetrics(MetricGroup):
    """Declares and records the metrics of the listeners and of the process."""

    def __init__(self) -> None:
        super().__init__()
        self._requests = self._counter("http_requests", "HTTP requests answered.", "method", "route", "status")
        self._request_seconds = self._histogram(
            "http_request_seconds",
            "Time from the first byte of a request to the last of its response.",
            SECONDS,
            "route",
        )
        self._refusals = self._counter(
            "protocol_refusals", "Requests and connections refused before the application saw them.", "status"
        )
        self._quota_refusals = self._counter(
            "quota_refusals", "Requests and jobs refused because of a quota of their key.", "quota"
        )
        self._unauthenticated = self._counter(
            "authentication_refusals", "Requests that were not let in: no valid key or session.", "reason"
        )
        self._connections = self._gauge("connections", "Open connections.", "listener")
        self._streams = self._gauge("event_streams", "Answers under way that are streams of events.")
        self._threads = self._gauge("threads", "Threads of Python in the server's process.")
        self._threads.set_function(threading.active_count)
        self._registry.register(_DroppedLines())
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Records an HTTP request. `route` is the template of the path, never the path itself."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def protocol_refused(self, status: int | None) -> None:
        """Records a refusal before the application saw the request; None stands for a connection without an answer."""
        self._refusals.labels("none" if status is None else str(status)).inc()

    def quota_refused(self, quota: str) -> None:
        """Records a refusal. `quota` is a value of `service.auth.quotas.Quota`."""
        self._quota_refusals.labels(quota).inc()

    def authentication_refused(self, reason: str) -> None:
        """Records a request that was not let in. `reason` is one of `service.auth.authenticator.RefusalReason`."""
        self._unauthenticated.labels(reason).inc()

    def connection_opened(self, listener: ListenerName) -> None:
        self._connections.labels(listener).inc()

    def connection_closed(self, listener: ListenerName) -> None:
        self._connections.labels(listener).dec()

    @contextlib.contextmanager
    def event_stream(self) -> Iterator[None]:
        """Counts a stream of events for as long as the block runs."""
        self._streams.inc()
        try:
            yield
        finally:
            self._streams.dec()
