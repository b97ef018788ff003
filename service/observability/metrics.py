"""What the server counts, in Prometheus' terms. Fed by the worker's messages and by the API; knows no HTTP framework.

Every label takes its values from our own code or the model's trained sizes, so that no caller can make new series.
docs/metrics.md tells what each of them is good for.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.engine.messages import (
    Beat,
    CallDone,
    Canceled,
    DecodeDone,
    EncodeDone,
    Failed,
    Finished,
    FromWorker,
    Loading,
    Ready,
    Retried,
)

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_ROWS: Final = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_OUTCOMES: Final[dict[type[FromWorker], str]] = {Finished: "succeeded", Failed: "failed", Canceled: "canceled"}
_OTHER_SIZE: Final = "other"
"""Label of the sizes that the model was not trained for: there are too many to name."""


class Metrics:
    """One registry of its own for each server in a process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._worker_seen = False
        self._sizes: frozenset[tuple[int, int]] = frozenset()
        self._jobs = self._counter("jobs", "Jobs ended or refused.", "outcome", "reason")
        self._requests = self._counter("http_requests", "HTTP requests answered.", "method", "route", "status")
        self._request_seconds = self._histogram(
            "http_request_seconds", "From the first byte of a request to the last of its answer.", _SECONDS, "route"
        )
        self._ready = self._gauge("ready", "1 while the engine serves.")
        self._restarts = self._counter("worker_restarts", "Workers started after the first.")
        self._memory = self._gauge(
            "worker_memory_bytes", "Memory that the worker holds: the GPU's, or at most its own."
        )
        self._waiting = self._gauge("queue_images", "Images not yet begun.")
        self._oldest = self._gauge("queue_oldest_seconds", "How long the oldest of them has waited.")
        self._backlog = self._gauge("backlog_seconds", "Device time that the admitted images were judged to take.")
        self._active = self._gauge("active_images", "Images being denoised or decoded.")
        self._images = self._counter("images", "Images ended in the engine.", "outcome")
        self._retried = self._counter("images_retried", "Images begun anew in higher precision.")
        self._queue = self._histogram("queue_wait_seconds", "From admission to begin.", _SECONDS)
        self._first_step = self._histogram(
            "first_step_seconds", "From admission to the end of the first step.", _SECONDS
        )
        self._calls = self._histogram("unet_call_seconds", "One UNet call.", _SECONDS, "size", "rows")
        self._rows = self._histogram("unet_call_rows", "Rows of one UNet call.", _ROWS)
        self._padded = self._counter("padded_rows", "Rows added to UNet calls to bring them to a known shape.")
        self._updates = self._histogram(
            "sampler_update_seconds", "Guidance and sampler updates after one UNet call.", _SECONDS
        )
        self._encodes = self._histogram("encode_seconds", "One call of the text encoder.", _SECONDS)
        self._decodes = self._histogram("decode_seconds", "One call of the decoder.", _SECONDS, "size")

    def observe(self, message: FromWorker) -> None:
        """Count what the worker said."""
        match message:
            case Beat():
                self._waiting.set(message.waiting)
                self._active.set(message.active)
                self._oldest.set(message.oldest_s)
                self._memory.set(message.memory_bytes)
            case CallDone():
                self._call_done(message)
            case EncodeDone():
                self._encodes.observe(message.encode_s)
            case DecodeDone():
                self._decodes.labels(self._size(message.width, message.height)).observe(message.decode_s)
            case Finished() | Failed() | Canceled():
                self._image_ended(message)
            case Retried():
                self._retried.inc()
            case Ready():
                self._sizes = frozenset(message.model.sizes)
            case Loading(phase="loading"):
                self._restarts.inc(self._worker_seen)
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

    def exposition(self, *, ready: bool, backlog_s: float) -> bytes:
        """All of it in the text format (`prometheus_client.CONTENT_TYPE_LATEST`)."""
        self._ready.set(ready)
        self._backlog.set(backlog_s)
        return generate_latest(self._registry)

    def _call_done(self, call: CallDone) -> None:
        self._calls.labels(self._size(call.width, call.height), _doubling(call.rows)).observe(call.predict_s)
        self._rows.observe(call.rows)
        self._padded.inc(call.padded_rows)
        self._updates.observe(call.advance_s)

    def _image_ended(self, message: Finished | Failed | Canceled) -> None:
        if isinstance(message, Finished):
            self._queue.observe(message.timings.queue_s)
            self._first_step.observe(message.timings.first_step_s)
        self._images.labels(_OUTCOMES[type(message)]).inc()

    def _size(self, width: int, height: int) -> str:
        return f"{width}x{height}" if (width, height) in self._sizes else _OTHER_SIZE

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"darkroom_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"darkroom_{name}", about, registry=self._registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"darkroom_{name}", about, labels, buckets=buckets, registry=self._registry)


def _doubling(rows: int) -> str:
    """The least power of two that holds so many rows: a label for each would be too many series."""
    return str(1 << (rows - 1).bit_length())
