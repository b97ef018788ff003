"""The server's Prometheus metrics, fed by the worker's messages, by the API and by the store. Knows no HTTP framework.

`Metrics.__init__` declares the metrics of jobs and of the device, its base classes the others. docs/metrics.md
describes each of them; a test compares the two. The values of labels come from our own code, from the models' trained
sizes, or from the list of models that the server was told to serve, so that no caller can create new series.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import generate_latest

from pipelines.interface import Stage
from service.engine.messages import (
    Beat,
    CallDone,
    Canceled,
    Failed,
    Finished,
    FromWorker,
    Loading,
    ModelState,
    Ready,
    Retried,
)
from service.engine.types import ModelStatus, Size
from service.observability.edge_metrics import EdgeMetrics
from service.observability.metric_group import SECONDS
from service.observability.moderation_metrics import ModerationMetrics
from service.observability.store_metrics import StoreMetrics
from service.observability.trace_metrics import TraceMetrics
from service.observability.webhook_metrics import WebhookMetrics

_ROWS: Final = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_OUTCOMES: Final[dict[type[FromWorker], str]] = {Finished: "succeeded", Failed: "failed", Canceled: "canceled"}
_OTHER_SIZE: Final = "other"
"""Label of all sizes for which the model was not trained."""


class Metrics(StoreMetrics, EdgeMetrics, TraceMetrics, WebhookMetrics, ModerationMetrics):
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        super().__init__()
        self._workers_seen: set[int] = set()
        self._trained_sizes: frozenset[Size] = frozenset()
        self._jobs = self._counter("jobs", "Jobs that ended or were refused.", "outcome", "reason")
        self._ready = self._gauge("ready", "1 while GET /readyz answers 200, else 0.")
        self._restarts = self._counter("worker_restarts", "Workers started after the first of each device.", "worker")
        self._memory = self._gauge(
            "worker_memory_bytes", "GPU memory reserved by the worker, or its peak host memory.", "worker"
        )
        self._waiting = self._gauge("queue_images", "Images in the worker that have not begun.", "worker")
        self._oldest = self._gauge(
            "queue_oldest_seconds", "Time that the longest-waiting of these images has waited.", "worker"
        )
        self._backlog = self._gauge(
            "backlog_seconds", "Estimated device time of all images that have not ended, of waiting jobs too."
        )
        self._active = self._gauge(
            "active_images", "Images that are being denoised or wait for their decode.", "worker"
        )
        self._images = self._counter("images", "Images that ended in the worker.", "outcome")
        self._retried = self._counter("images_retried", "Images that began again in higher precision.")
        self._queue = self._histogram("queue_wait_seconds", "Time from an image's submission to its start.", SECONDS)
        self._first_step = self._histogram(
            "first_step_seconds", "Time from an image's submission to the end of its first step.", SECONDS
        )
        self._calls = self._histogram("unet_call_seconds", "Duration of a UNet call.", SECONDS, "size", "rows")
        self._rows = self._histogram("unet_call_rows", "Rows of a UNet call.", _ROWS)
        self._padded = self._counter("padded_rows", "Rows added to UNet calls to bring them to a fixed shape.")
        self._updates = self._histogram(
            "sampler_update_seconds", "Duration of guidance and sampler updates after a UNet call.", SECONDS
        )
        self._encodes = self._histogram("encode_seconds", "Duration of a text encoder call.", SECONDS)
        self._model_seconds = self._counter("model_device_seconds", "Device seconds of each model's calls.", "model")
        self._model_loads = self._counter(
            "model_loads", "Models loaded onto a device after the start.", "model", "source"
        )
        self._model_load_seconds = self._histogram(
            "model_load_seconds", "Time that a model took to load, beside the calls of others.", SECONDS, "source"
        )
        self._model_resident = self._gauge(
            "model_resident", "1 while the device has the model, else 0.", "model", "worker"
        )
        self._inputs = self._histogram(
            "input_seconds", "Duration of an encode of images to start from.", SECONDS, "size"
        )
        self._decodes = self._histogram("decode_seconds", "Duration of a decode.", SECONDS, "size")

    def observe(self, message: FromWorker, worker: int = 0) -> None:
        """Records a message of the worker with this index, one for each device."""
        match message:
            case Beat():
                self._beat(message, str(worker))
            case CallDone():
                self._call_done(message)
            case Finished() | Failed() | Canceled():
                self._image_ended(message)
            case Retried():
                self._retried.inc()
            case Ready():
                self._trained_sizes = frozenset(size for model in message.models for size in model.sizes)
            case ModelState():
                resident = message.status is ModelStatus.RESIDENT
                self._model_resident.labels(message.name, str(worker)).set(resident)
            case Loading(phase="loading"):
                self._restarts.labels(str(worker)).inc(worker in self._workers_seen)
                self._workers_seen.add(worker)
            case _:
                pass

    def job_ended(self, outcome: str, reason: str = "") -> None:
        """Records the end of a job.

        `outcome` is succeeded, failed, canceled or refused; `reason` is a public code of `service.errors`.
        """
        self._jobs.labels(outcome, reason).inc()

    def exposition(self, *, ready: bool, backlog_s: float) -> bytes:
        """Returns all metrics in Prometheus' text format (`prometheus_client.CONTENT_TYPE_LATEST`).

        `backlog_s` is the engine's, to which durable jobs that no server has claimed are added.
        """
        self._ready.set(ready)
        self._backlog.set(backlog_s + self._read_sources().queued_s)
        return generate_latest(self._registry)

    def _beat(self, beat: Beat, worker: str) -> None:
        self._waiting.labels(worker).set(beat.waiting)
        self._active.labels(worker).set(beat.active)
        self._oldest.labels(worker).set(beat.oldest_s)
        self._memory.labels(worker).set(beat.memory_bytes)

    def _call_done(self, call: CallDone) -> None:
        size = self._size_label(call.key.width, call.key.height)
        if call.key.stage is not Stage.LOAD:
            self._model_seconds.labels(call.key.model).inc(call.seconds)
        match call.key.stage:
            case Stage.TEXT:
                self._encodes.observe(call.seconds)
            case Stage.INPUT:
                self._inputs.labels(size).observe(call.seconds)
            case Stage.DENOISE:
                rows = _next_power_of_two(call.rows)
                self._calls.labels(size, str(rows)).observe(call.seconds - call.update_s)
                self._rows.observe(call.rows)
                self._padded.inc(call.padded_rows)
                self._updates.observe(call.update_s)
            case Stage.LOAD:
                self._model_loads.labels(call.key.model, call.key.variant).inc()
                self._model_load_seconds.labels(call.key.variant).observe(call.seconds)
            case Stage.DECODE:
                self._decodes.labels(size).observe(call.seconds)

    def _image_ended(self, message: Finished | Failed | Canceled) -> None:
        if isinstance(message, Finished):
            self._queue.observe(message.timings.queue_s)
            self._first_step.observe(message.timings.first_step_s)
        self._images.labels(_OUTCOMES[type(message)]).inc()

    def _size_label(self, width: int, height: int) -> str:
        return f"{width}x{height}" if (width, height) in self._trained_sizes else _OTHER_SIZE


def _next_power_of_two(rows: int) -> int:
    """Rounds up, because a label value per number of rows would create too many series."""
    return 1 << (rows - 1).bit_length()
