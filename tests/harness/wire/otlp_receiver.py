"""A collector of traces on loopback: it takes what exporters send by OTLP over HTTP, and keeps it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.harness.wire.threaded_server import Quiet, threaded_server

_OTLP = "application/x-protobuf"


class OtlpReceiver:
    """Holds the spans that have arrived. Any thread may read them."""

    def __init__(self, url: str) -> None:
        self.url = url
        """The value of OTEL_EXPORTER_OTLP_ENDPOINT."""
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in list(self.bodies)]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def services(self) -> set[str]:
        """The names of the services that have sent something."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in list(self.bodies)]
        return {
            each.value.string_value
            for request in requests
            for resource in request.resource_spans
            for each in resource.resource.attributes
            if each.key == "service.name"
        }


@contextlib.contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_otlp = (self.path, self.headers["Content-Type"]) == ("/v1/traces", _OTLP)
            if is_otlp:
                receiver.bodies.append(body)
            self.send_response(200 if is_otlp else 404)
            self.send_header("Content-Type", _OTLP)
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

    with threaded_server(Handler) as port:
        receiver = OtlpReceiver(f"http://127.0.0.1:{port}")
        yield receiver
