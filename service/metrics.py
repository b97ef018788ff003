"""What the server counts, in Prometheus' terms. Fed by the worker's messages and by the API; knows no HTTP framework.

Every label takes its values from our own code, so that no caller can make new series.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.engine.events import Beat, CallDone, Canceled, Failed, Finished, FromWorker, Loading

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_ROWS: Final = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


class Metrics:
    """One registry of its own for each server in a process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._worker_seen = False
        self._jobs = Counter("darkroom_jobs", "Jobs ended or refused.", ["outcome", "reason"], registry=registry)
        self._pictures = Counter("darkroom_pictures", "Pictures ended in the engine.", ["outcome"], registry=registry)
        self._waiting = Gauge("darkroom_queue_pictures", "Pictures not yet begun.", registry=registry)
        self._active = Gauge("darkroom_active_pictures", "Pictures being denoised or decoded.", registry=registry)
        self._ready = Gauge("darkroom_ready", "1 while the engine serves.", registry=registry)
        self._calls = Histogram("darkroom_unet_call_seconds", "One UNet call.", buckets=_SECONDS, registry=registry)
        self._rows = Histogram("darkroom_unet_call_rows", "Rows of one UNet call.", buckets=_ROWS, registry=registry)
        self._updates = Histogram(
            "darkroom_sampler_update_seconds",
            "Guidance and sampler updates after one UNet call.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._queue = Histogram(
            "darkroom_queue_wait_seconds", "From admission to begin.", buckets=_SECONDS, registry=registry
        )
        self._decodes = Histogram(
            "darkroom_decode_seconds", "Latents to pixels, per picture.", buckets=_SECONDS, registry=registry
        )
        self._restarts = Counter("darkroom_worker_restarts", "Workers started after the first.", registry=registry)
        self._requests = Counter(
            "darkroom_http_requests", "HTTP requests answered.", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "darkroom_http_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, message: FromWorker) -> None:
        """Count what the worker said."""
        match message:
            case Beat():
                self._waiting.set(message.waiting)
                self._active.set(message.active)
            case CallDone():
                self._calls.observe(message.predict_s)
                self._updates.observe(message.advance_s)
                self._rows.observe(message.rows)
            case Finished():
                self._pictures.labels("succeeded").inc()
                self._queue.observe(message.timings.queue_s)
                self._decodes.observe(message.timings.decode_s)
            case Failed():
                self._pictures.labels("failed").inc()
            case Canceled():
                self._pictures.labels("canceled").inc()
            case Loading(phase="loading"):
                if self._worker_seen:
                    self._restarts.inc()
                self._worker_seen = True
            case _:
                pass

    def job_ended(self, outcome: str, reason: str = "") -> None:
        """`outcome` is succeeded, failed, canceled or refused; `reason` a public code of `service.errors`."""
        self._jobs.labels(outcome, reason).inc()

    def request_answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is the path's template, never the path."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def exposition(self, *, ready: bool) -> bytes:
        """All of it in the text format (`prometheus_client.CONTENT_TYPE_LATEST`)."""
        self._ready.set(ready)
        return generate_latest(self._registry)
