"""The records of the listeners and the state of the process are exposed as metrics."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from service.observability.metrics import Metrics


def lines(metrics: Metrics) -> list[str]:
    return metrics.exposition(ready=True, backlog_s=0.0).decode().splitlines()


def test_connections_streams_refusals_and_requests_are_counted() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.connection_opened("api")
    metrics.connection_opened("admin")
    metrics.connection_closed("api")
    metrics.protocol_refused(408)
    metrics.protocol_refused(None)
    metrics.request_answered("GET", "/livez", 200, 0.5)

    with metrics.event_stream():
        assert set(lines(metrics)) >= {
            'darkroom_connections{listener="api"} 1.0',
            'darkroom_connections{listener="admin"} 1.0',
            'darkroom_protocol_refusals_total{status="408"} 1.0',
            'darkroom_protocol_refusals_total{status="none"} 1.0',
            'darkroom_http_requests_total{method="GET",route="/livez",status="200"} 1.0',
            "darkroom_event_streams 1.0",
        }
    assert "darkroom_event_streams 0.0" in lines(metrics)


def test_the_threads_of_the_process_are_counted_when_asked_for() -> None:
    def threads(metrics: Metrics) -> float:
        found = re.search(r"^darkroom_threads (\S+)$", "\n".join(lines(metrics)), re.MULTILINE)
        assert found is not None
        return float(found[1])

    metrics, done = Metrics(), threading.Event()
    before = threads(metrics)
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert threads(metrics) == before + 1
    done.set()
    thread.join()


def test_the_process_tells_its_use_of_the_machine() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("prometheus_client reads /proc, which only Linux has")
    exposed = {line.partition(" ")[0] for line in lines(Metrics())}
    assert exposed >= {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
    }
