"""Sends spans to a collector by OTLP over HTTP, from a thread of its own. Imported only where traces are wanted.

`OTEL_*` variables set the address, the sampling and the bounds of the queue, as OpenTelemetry specifies.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from service.observability.trace_metrics import TraceMetrics
from service.observability.tracing.open_telemetry import OpenTelemetryTraces

_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"
_LAST_SPANS_S: Final = 2.0
"""Seconds for which the end of the process waits for a collector to take the last spans."""
_TALKATIVE: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.trace",
)
"""Loggers with a line for each failed export, or for each malformed header of a caller."""

_log = logging.getLogger(__name__)


class ToldExporter(SpanExporter):
    """Exports spans by another exporter, counts those that arrive, and logs when exports begin and cease to fail."""

    def __init__(self, exporter: SpanExporter, metrics: TraceMetrics) -> None:
        self._exporter = exporter
        self._metrics = metrics
        self._lost = 0
        """Number of spans that were lost since an export last succeeded."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result, reason = self._exporter.export(spans), "the collector did not take them"
        except Exception as error:  # noqa: BLE001 -- whatever a wrong address or certificate raises
            result, reason = SpanExportResult.FAILURE, type(error).__name__
        if result is SpanExportResult.SUCCESS:
            self._metrics.spans_exported(len(spans))
            if self._lost:
                _log.info("the collector takes spans again; %d were lost", self._lost)
            self._lost = 0
        else:
            if not self._lost:
                _log.warning("spans are lost: %s; this is not logged again until it takes some", reason)
            self._lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class CountingProcessor(SpanProcessor):
    """Counts the spans that are to be exported. Some may find the exporter's queue full."""

    def __init__(self, metrics: TraceMetrics) -> None:
        self._metrics = metrics

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            self._metrics.span_made()


@contextlib.contextmanager
def exported_traces(
    metrics: TraceMetrics, exporter: SpanExporter | None = None, *, last_spans_s: float = _LAST_SPANS_S
) -> Iterator[OpenTelemetryTraces]:
    """Exports spans for the length of the block, to the collector of the environment unless there is an `exporter`.

    At its end the last spans have `last_spans_s` to leave. Raises ValueError where a variable has no valid value.
    """
    _check_protocol(os.environ)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(CountingProcessor(metrics))
    provider.add_span_processor(BatchSpanProcessor(ToldExporter(exporter or OTLPSpanExporter(), metrics)))
    try:
        yield OpenTelemetryTraces(provider.get_tracer("darkroom", version("darkroom-server")))
    finally:
        # A collector that does not answer would keep the process for half a minute.
        closing = threading.Thread(target=provider.shutdown, daemon=True)
        closing.start()
        closing.join(last_spans_s)


def _resource() -> Resource:
    """Describes this process. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override it."""
    ours = Resource.create({"service.name": "darkroom", "service.version": version("darkroom-server")})
    return ours.merge(OTELResourceDetector().detect())


def _check_protocol(environment: Mapping[str, str]) -> None:
    for name in _PROTOCOLS:
        if (wanted := environment.get(name, _SPOKEN)) != _SPOKEN:
            raise ValueError(f"{name} is {wanted!r}: spans can only be sent by {_SPOKEN}.")
