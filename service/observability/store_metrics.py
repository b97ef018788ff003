"""Metrics of the durable queue: waiting jobs, the store, and deletions. Knows no database.

The store calls the methods that count. It has no method for the gauges: they are read from `queue_source` and
`free_bytes_source` when the metrics are exposed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from service.observability.metric_group import MetricGroup

StoreOperation: TypeAlias = Literal["read", "write"]
DeletionReason: TypeAlias = Literal["expired", "excess", "orphaned", "requested"]
"""`expired`: its time was over; `excess`: all images took too much room; `orphaned`: nothing referred to it;
`requested`: a caller deleted it."""

_LATENCY_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class QueueTotals:
    """The durable jobs that have not ended, of all servers that share the database."""

    queued: int = 0
    """Jobs that wait to be claimed."""
    queued_s: float = 0.0
    """Sum of their prices, in device seconds."""
    oldest_s: float = 0.0
    """Seconds for which the oldest of them has waited."""
    leased: int = 0
    """Jobs that a server has claimed and not ended."""


class StoreMetrics(MetricGroup):
    """Declares and records the metrics of jobs that are stored."""

    def __init__(self) -> None:
        super().__init__()
        self.queue_source: Callable[[], QueueTotals] = QueueTotals
        """Called at each exposition. It must not block: the store keeps the totals at hand."""
        self.free_bytes_source: Callable[[], float] = lambda: math.nan
        """Called at each exposition: the bytes that are free on the disk of the data folder."""
        self._queued = self._gauge("jobs_queued", "Durable jobs that wait to be claimed.")
        self._queued_s = self._gauge("jobs_queued_seconds", "Sum of the prices of these jobs, in device seconds.")
        self._oldest_s = self._gauge("jobs_oldest_queued_seconds", "Time that the oldest of these jobs has waited.")
        self._leased = self._gauge("jobs_leased", "Durable jobs that a server has claimed and not ended.")
        self._claims = self._counter("job_claims", "Claims of durable jobs by this server.")
        self._losses = self._counter("job_losses", "Losses that were counted against durable jobs.")
        self._latency = self._histogram(
            "store_latency_seconds",
            "Time that an access to the job store took, its wait included.",
            _LATENCY_S,
            "operation",
        )
        self._store_errors = self._counter("store_errors", "Failed accesses to the job store.", "fault")
        self._deleted = self._counter("jobs_deleted", "Durable jobs that were deleted with their images.", "reason")
        self._uploads_deleted = self._counter("uploads_deleted", "Uploads that were deleted.", "reason")
        self._free_bytes = self._gauge("data_free_bytes", "Bytes that are free on the disk of the data folder.")

    def store_access(self, operation: StoreOperation, seconds: float) -> None:
        """Records an access to the store that has succeeded or failed."""
        self._latency.labels(operation).observe(seconds)

    def store_failed(self, fault: str) -> None:
        """Records a failed access. `fault` is the SQLSTATE or the name of the driver's error, never a message."""
        self._store_errors.labels(fault).inc()

    def job_claimed(self, count: int = 1) -> None:
        self._claims.inc(count)

    def job_lost(self, count: int = 1) -> None:
        """Records losses: jobs whose server or worker ended while it made them."""
        self._losses.inc(count)

    def jobs_deleted(self, count: int, reason: DeletionReason) -> None:
        self._deleted.labels(reason).inc(count)

    def uploads_deleted(self, count: int, reason: DeletionReason) -> None:
        self._uploads_deleted.labels(reason).inc(count)

    def _read_sources(self) -> QueueTotals:
        """Sets the gauges, and returns the totals of the queue."""
        totals = self.queue_source()
        self._queued.set(totals.queued)
        self._queued_s.set(totals.queued_s)
        self._oldest_s.set(totals.oldest_s)
        self._leased.set(totals.leased)
        self._free_bytes.set(self.free_bytes_source())
        return totals
