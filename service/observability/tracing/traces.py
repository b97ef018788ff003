"""The interface by which the server makes spans of requests and jobs, and an implementation that makes none.

Imports nothing of OpenTelemetry. A span never holds a prompt.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeAlias

from pipelines.params import GenerationParams
from service.engine.interface import Job
from service.engine.types import Timings

RawHeaders: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Names, in lower case, and values of a request's headers, as in ASGI."""


class RequestSpan(Protocol):
    """The span of a request that is being answered."""

    @property
    def trace_id(self) -> str:
        """The id that all spans of the trace share, in hexadecimal; empty where there is none."""

    def answered(self, method: str, route: str | None, status: int) -> None:
        """Records the answer. `route` is the template of the path, if one matched; status 0 stands for no answer."""


class JobSpan(Protocol):
    """The span of a job that is being made. One that is never ended is not exported."""

    @property
    def trace_id(self) -> str: ...

    def submitted(self) -> None:
        """Records that images are handed to the engine now, from which their timings count."""

    def image_finished(self, index: int, timings: Timings) -> None:
        """Records the stages of an image of the last submission. `index` is its index in the whole job."""

    def ended(self, outcome: str, code: str = "") -> None:
        """Ends the span. `outcome` is succeeded, failed or canceled; `code` a public code of `service.errors`."""


class Traces(Protocol):
    """Makes the spans of one server."""

    def request(self, headers: RawHeaders) -> contextlib.AbstractContextManager[RequestSpan]:
        """Makes the span of a request for the length of the block. Its parent is the caller's, where `headers` name it.

        Spans that are made within the block are its children.
        """

    def traceparent(self) -> str | None:
        """Returns the present span as W3C Trace Context spells it; None where there is none."""

    def traced(self, job: Job, images: Sequence[GenerationParams], *, tenant: str, started_at: float) -> Job:
        """Returns a job of the engine whose span is a child of the present one and ends with it.

        `started_at` is the time at which the job was submitted, in Unix seconds. Call the job's `cancel` in the end.
        """

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
        """Makes the span of a durable job. `parent` is what `traceparent` returned when the job was accepted."""


class _NoSpan:
    """Implements `RequestSpan` and `JobSpan`."""

    trace_id = ""

    def answered(self, method: str, route: str | None, status: int) -> None:
        """Records nothing."""

    def submitted(self) -> None:
        """Records nothing."""

    def image_finished(self, index: int, timings: Timings) -> None:
        """Records nothing."""

    def ended(self, outcome: str, code: str = "") -> None:
        """Ends nothing."""


class _NoTraces:
    """Implements `Traces`."""

    def request(self, headers: RawHeaders) -> contextlib.AbstractContextManager[RequestSpan]:
        return _NO_REQUEST

    def traceparent(self) -> str | None:
        return None

    def traced(self, job: Job, images: Sequence[GenerationParams], *, tenant: str, started_at: float) -> Job:
        return job

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
        return NO_SPAN


NO_SPAN: Final = _NoSpan()
NO_TRACES: Final = _NoTraces()
"""Traces of a server that makes none."""
_NO_REQUEST: Final = contextlib.nullcontext(NO_SPAN)
