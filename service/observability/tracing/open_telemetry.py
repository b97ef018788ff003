"""Makes spans with OpenTelemetry's API: one for each request, and one for each job with its stages as children.

Imported only where traces are wanted. It knows no exporter. Spans hold only facts that are safe to show in traces:
sizes, counts, names, public codes. Attributes have the names of OpenTelemetry's conventions where there are any.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pipelines.params import GenerationParams
from service.engine.interface import Job
from service.engine.types import Timings
from service.observability.tracing.traced_job import TracedJob
from service.observability.tracing.traces import JobSpan, RawHeaders, RequestSpan

_FIELDS: Final = ("traceparent", "tracestate")
_SERVER_ERRORS: Final = 500
"""The first status of a server error. No answer is a server error too."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage of an image, with its times in Unix seconds."""

    name: str
    begin: float
    end: float
    attributes: dict[str, int | float]


class OpenTelemetryTraces:
    """Implements `Traces`."""

    def __init__(self, tracer: Tracer, clock: Callable[[], float] = time.time) -> None:
        """`clock` tells Unix seconds."""
        self._tracer = tracer
        self._clock = clock
        self._propagator = TraceContextTextMapPropagator()

    @contextlib.contextmanager
    def request(self, headers: RawHeaders) -> Iterator[RequestSpan]:
        span = self._tracer.start_span("request", self._named_in(headers), SpanKind.SERVER)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield OpenTelemetryRequest(span)

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get("traceparent")

    def traced(self, job: Job, images: Sequence[GenerationParams], *, tenant: str, started_at: float) -> Job:
        return TracedJob(job, self._job(job.id, images, tenant, started_at, None))

    def job(
        self,
        job_id: str,
        images: Sequence[GenerationParams],
        *,
        tenant: str,
        started_at: float,
        parent: str | None,
        attempt: int,
    ) -> JobSpan:
        context = self._propagator.extract({"traceparent": parent or ""}, Context())
        # `started_at` may come from another host's clock.
        span = self._job(job_id, images, tenant, min(started_at, self._clock()), context)
        span.set_attempt(attempt)
        return span

    def _job(
        self, job_id: str, images: Sequence[GenerationParams], tenant: str, started_at: float, parent: Context | None
    ) -> OpenTelemetryJob:
        first = images[0]
        attributes: dict[str, str | int] = {
            "darkroom.job.id": job_id,
            "darkroom.tenant": tenant,
            "darkroom.model": first.model,
            "darkroom.sampler": first.sampler,
            "darkroom.steps": first.steps,
            "darkroom.width": first.width,
            "darkroom.height": first.height,
            "darkroom.images": len(images),
        }
        span = self._tracer.start_span("job", parent, attributes=attributes, start_time=_nanoseconds(started_at))
        return OpenTelemetryJob(self._tracer, span, started_at, self._clock)

    def _named_in(self, headers: RawHeaders) -> Context:
        """Returns the caller's context. A repeated traceparent counts as none."""
        found: dict[str, list[str]] = {field: [] for field in _FIELDS}
        for name, value in headers:
            if (field := name.decode("latin-1")) in found:
                found[field].append(value.decode("latin-1"))
        return self._propagator.extract(found if len(found["traceparent"]) == 1 else {}, Context())


class OpenTelemetryRequest:
    """Implements `RequestSpan`."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self.trace_id: Final = _trace_id(span)

    def answered(self, method: str, route: str | None, status: int) -> None:
        self._span.update_name(method if route is None else f"{method} {route}")
        self._span.set_attribute("http.request.method", method)
        if route is not None:
            self._span.set_attribute("http.route", route)
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if not status or status >= _SERVER_ERRORS:
            self._span.set_attribute("error.type", str(status or "no_answer"))
            self._span.set_status(Status(StatusCode.ERROR))


class OpenTelemetryJob:
    """Implements `JobSpan`. The stages become spans only at the end, so that an abandoned attempt leaves none."""

    def __init__(self, tracer: Tracer, span: Span, started_at: float, clock: Callable[[], float]) -> None:
        self._tracer = tracer
        self._span = span
        self._clock = clock
        self._started_at = self._submitted_at = started_at
        self._stages: list[_Stage] = []
        self.trace_id: Final = _trace_id(span)

    def set_attempt(self, attempt: int) -> None:
        self._span.set_attribute("darkroom.job.attempt", attempt)

    def submitted(self) -> None:
        self._submitted_at = self._clock()

    def image_finished(self, index: int, timings: Timings) -> None:
        """Records the stages of an image, which follow each other from its submission, with the worker's timings."""
        begin, now = self._started_at, self._clock()
        end = self._submitted_at
        for name, seconds in (
            ("queue", timings.queue_s),
            ("encode", timings.encode_s),
            ("denoise", timings.denoise_s),
            ("decode", timings.decode_s),
        ):
            end = max(begin, min(end + seconds, now))
            self._stages.append(_Stage(name, begin, end, _stage_attributes(name, index, timings)))
            begin = end

    def ended(self, outcome: str, code: str = "") -> None:
        context = trace.set_span_in_context(self._span)
        for stage in self._stages:
            span = self._tracer.start_span(
                stage.name, context, attributes=stage.attributes, start_time=_nanoseconds(stage.begin)
            )
            span.end(_nanoseconds(stage.end))
        self._span.set_attribute("darkroom.outcome", outcome)
        if code:
            self._span.set_attribute("error.type", code)
        if outcome == "failed":
            self._span.set_status(Status(StatusCode.ERROR, code))
        last = max((stage.end for stage in self._stages), default=self._started_at)
        self._span.end(_nanoseconds(max(self._clock(), last)))


def _stage_attributes(name: str, index: int, timings: Timings) -> dict[str, int | float]:
    attributes: dict[str, int | float] = {"darkroom.image.index": index}
    if name == "denoise":
        attributes |= {"darkroom.batch.mean_rows": timings.mean_batch_rows, "darkroom.device_s": timings.device_s}
    return attributes


def _trace_id(span: Span) -> str:
    context = span.get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
