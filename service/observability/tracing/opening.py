"""Opens the traces of a server, or none. Imports OpenTelemetry only where traces are wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from service.observability.trace_metrics import TraceMetrics
from service.observability.tracing.traces import NO_TRACES, Traces


class TracesError(Exception):
    """Traces cannot be made. The message is for the person who started the server."""


@contextlib.contextmanager
def open_traces(wanted: bool, metrics: TraceMetrics) -> Iterator[Traces]:
    """Makes traces for the length of the block, if they are wanted. Raises `TracesError`."""
    if not wanted:
        yield NO_TRACES
        return
    try:
        from service.observability.tracing.exporting import exported_traces
    except ModuleNotFoundError as error:
        raise TracesError(
            f"Traces need a package that is not installed ({error.name}): in the folder of the repository, run "
            "`.venv/bin/pip install --constraint constraints.txt --editable '.[tracing]'`."
        ) from error
    with contextlib.ExitStack() as opened:
        try:
            traces = opened.enter_context(exported_traces(metrics))
        except ValueError as error:
            raise TracesError(f"A variable of OpenTelemetry has no valid value: {error}") from error
        yield traces
