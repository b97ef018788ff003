"""A collector of traces on loopback: it takes what exporters send by OTLP over HTTP, and keeps it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

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
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_otlp = (self.path, self.headers["Content-Type"]) == ("/v1/traces", _OTLP)
            if is_otlp:
                receiver.bodies.append(body)
            self.send_response(200 if is_otlp else 404)
            self.send_header("Content-Type", _OTLP)
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 -- its name in the base class
            """Writes no line for a request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = OtlpReceiver(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
