"""A thread exports and counts spans. Spans that no collector takes are lost, with few lines in the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from service.observability.metrics import Metrics
from service.observability.tracing.exporting import ToldExporter, exported_traces


class Collector(SpanExporter):
    """Treats each batch as the next of `deeds` does, and takes it if none is left."""

    def __init__(self, *deeds: Callable[[], SpanExportResult]) -> None:
        self.taken: list[ReadableSpan] = []
        self._deeds = list(deeds)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._deeds.pop(0)() if self._deeds else SpanExportResult.SUCCESS
        if result is SpanExportResult.SUCCESS:
            self.taken += spans
        return result


def counted(metrics: Metrics) -> tuple[int, int]:
    """Spans made and spans that arrived."""
    lines = dict(line.rsplit(" ", 1) for line in metrics.exposition(ready=True, backlog_s=0.0).decode().splitlines())
    return int(float(lines["darkroom_spans_total"])), int(float(lines["darkroom_spans_exported_total"]))


def refuse() -> SpanExportResult:
    return SpanExportResult.FAILURE


def fail() -> SpanExportResult:
    raise OSError("/secret/path")


def test_what_is_made_arrives_with_the_name_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics, collector = Metrics(), Collector()
    with exported_traces(metrics, collector, last_spans_s=60.0) as traces, traces.request([]) as request:
        request.answered("GET", "/", 200)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "images")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    with exported_traces(metrics, collector, last_spans_s=60.0) as traces, traces.request([]) as request:
        request.answered("GET", "/", 200)

    ours, named = [dict(span.resource.attributes) for span in collector.taken]
    assert (ours["service.name"], named["service.name"]) == ("darkroom", "images")
    assert named["deployment.environment.name"] == "test"
    assert named["service.version"] == ours["service.version"]
    assert counted(metrics) == (2, 2)


def test_an_outage_is_logged_once_and_its_end_with_what_was_lost(caplog: pytest.LogCaptureFixture) -> None:
    metrics, collector = Metrics(), Collector(refuse, fail, refuse)
    exporter, spans = ToldExporter(collector, metrics), [ReadableSpan("a"), ReadableSpan("b")]
    caplog.set_level(logging.INFO, logger="service.observability")

    for _ in range(5):
        exporter.export(spans)

    assert [(record.levelname, record.getMessage().partition(":")[0]) for record in caplog.records] == [
        ("WARNING", "spans are lost"),
        ("INFO", "the collector takes spans again; 6 were lost"),
    ]
    assert counted(metrics) == (0, 4)
    assert "/secret" not in caplog.text


def test_a_collector_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, going_on = threading.Event(), threading.Event()

    def hang() -> SpanExportResult:
        begun.set()
        going_on.wait()
        return SpanExportResult.FAILURE

    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    metrics = Metrics()
    try:
        with exported_traces(metrics, Collector(hang), last_spans_s=0.01) as traces:
            for _ in range(50):
                with traces.request([]) as request:
                    request.answered("GET", "/", 200)
            assert begun.wait(60)
        assert counted(metrics) == (50, 0)
    finally:
        going_on.set()


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_BSP_MAX_QUEUE_SIZE", "0")],
)
def test_a_variable_that_cannot_be_followed_is_an_error(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValueError, match=r".+"), exported_traces(Metrics(), Collector()):
        pytest.fail("it was accepted")
