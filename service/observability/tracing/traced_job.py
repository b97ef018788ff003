"""A job of the engine that records its images and its end in a span."""

from __future__ import annotations

from collections.abc import AsyncIterator

from service.engine.interface import ImageEvent, ImageFinished, Job
from service.engine.job_wrapper import JobWrapper
from service.errors import CanceledError, DarkroomError
from service.observability.tracing.traces import JobSpan


class TracedJob(JobWrapper):
    """A job that records a span of its life.

    Its holder must call `cancel` in the end, even if the job has ended by itself.
    """

    def __init__(self, job: Job, span: JobSpan) -> None:
        super().__init__(job)
        self._span = span
        self._ended = False

    async def events(self) -> AsyncIterator[ImageEvent]:
        try:
            async for event in self._job.events():
                if isinstance(event, ImageFinished):
                    self._span.image_finished(event.index, event.timings)
                yield event
        except CanceledError:
            self._end("canceled")
            raise
        except Exception as error:
            self._end("failed", error.code if isinstance(error, DarkroomError) else DarkroomError.code)
            raise
        self._end("succeeded")

    def cancel(self) -> None:
        super().cancel()
        self._end("canceled")

    def _end(self, outcome: str, code: str = "") -> None:
        """Ends the span, once."""
        if not self._ended:
            self._ended = True
            self._span.ended(outcome, code)
