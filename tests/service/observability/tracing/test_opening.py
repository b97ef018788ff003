"""Traces are off and cost nothing unless they are configured. If they cannot be made, the start says why."""

from __future__ import annotations

import subprocess
import sys

import pytest

from service.observability.metrics import Metrics
from service.observability.tracing.opening import TracesError, open_traces
from service.observability.tracing.traces import NO_TRACES

_OFF = """
import sys
import service.cli.app, service.server.main
from service.observability.metrics import Metrics
from service.observability.tracing.opening import open_traces
with open_traces(False, Metrics()):
    print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""
_WITHOUT_THE_EXTRA = """
import sys
from service.server.main import run
from service.settings import Settings
sys.modules["opentelemetry.sdk"] = None
print(run(Settings(tracing=True)))
"""


def python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)


def test_where_nobody_wants_traces_nothing_is_imported_for_them() -> None:
    assert python(_OFF).stdout == "[]\n"


def test_without_the_extra_the_start_ends_with_what_to_do() -> None:
    done = python(_WITHOUT_THE_EXTRA)

    assert done.stdout == "1\n"
    (line,) = done.stderr.splitlines()
    assert "--editable '.[tracing]'" in line


def test_a_variable_that_cannot_be_followed_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")

    with pytest.raises(TracesError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'"), open_traces(True, Metrics()):
        pytest.fail("it was accepted")


def test_there_are_traces_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")  # The test sends nothing.

    with open_traces(False, Metrics()) as traces:
        assert traces is NO_TRACES
    with open_traces(True, Metrics()) as traces, traces.request([]) as request:
        assert len(request.trace_id) == 32
