"""The records of the store are exposed as metrics, and its gauges are read at each exposition."""

from __future__ import annotations

from service.observability.metrics import Metrics
from service.observability.store_metrics import QueueTotals


def lines(metrics: Metrics, *, backlog_s: float = 0.0) -> list[str]:
    return metrics.exposition(ready=True, backlog_s=backlog_s).decode().splitlines()


def test_accesses_failures_claims_losses_and_deletions_are_counted() -> None:
    metrics = Metrics()
    metrics.store_access("read", 0.25)
    metrics.store_access("write", 0.5)
    metrics.store_failed("SQLITE_FULL")
    metrics.job_claimed(3)
    metrics.job_lost()
    metrics.jobs_deleted(2, "expired")
    metrics.uploads_deleted(4, "excess")

    assert set(lines(metrics)) >= {
        'darkroom_store_latency_seconds_sum{operation="read"} 0.25',
        'darkroom_store_latency_seconds_sum{operation="write"} 0.5',
        'darkroom_store_errors_total{fault="SQLITE_FULL"} 1.0',
        "darkroom_job_claims_total 3.0",
        "darkroom_job_losses_total 1.0",
        'darkroom_jobs_deleted_total{reason="expired"} 2.0',
        'darkroom_uploads_deleted_total{reason="excess"} 4.0',
    }


def test_the_queue_is_read_at_each_exposition_and_counts_as_backlog() -> None:
    metrics, waiting = Metrics(), [QueueTotals(queued=1100, queued_s=600.0, oldest_s=42.0, leased=8)]
    metrics.queue_source = lambda: waiting[-1]

    assert set(lines(metrics, backlog_s=1.25)) >= {
        "darkroom_jobs_queued 1100.0",
        "darkroom_jobs_queued_seconds 600.0",
        "darkroom_jobs_oldest_queued_seconds 42.0",
        "darkroom_jobs_leased 8.0",
        "darkroom_backlog_seconds 601.25",
    }
    waiting.append(QueueTotals())
    assert {"darkroom_jobs_queued 0.0", "darkroom_backlog_seconds 1.25"} <= set(lines(metrics, backlog_s=1.25))


def test_the_free_room_is_read_at_each_exposition() -> None:
    metrics = Metrics()
    assert "darkroom_data_free_bytes NaN" in lines(metrics)
    metrics.free_bytes_source = lambda: 4096
    assert "darkroom_data_free_bytes 4096.0" in lines(metrics)
