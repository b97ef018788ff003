"""Follows a job through its event stream as a state machine: reads events, and resumes after a lost connection.

Does no I/O. The caller opens the stream of `request()`, hands each event to `read`, reports the end of the stream by
`closed` or `lost`, and goes on until `ended`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import httpx2

from darkroom._core import endpoints
from darkroom._core.decoding import parse_object
from darkroom._core.requests import Request
from darkroom._core.retries import Retries, Retry
from darkroom._core.views import JobView
from darkroom.errors import APIConnectionError, DarkroomError, JobDeletedError, NotFoundError
from darkroom.results.base import Answer
from darkroom.results.events import (
    ImageReady,
    JobEnded,
    JobEvent,
    JobFailed,
    PreviewReady,
    ProgressMade,
    StatusChanged,
)
from darkroom.results.jobs import ImageRecord, JobProgress, JobRecord

ImageT = TypeVar("ImageT")
AnswerT = TypeVar("AnswerT", bound=Answer)

MAX_EVENT_BYTES: Final = 256 << 20
"""Limit on one event, which may carry an image in base64."""
RECONNECTIONS: Final = 12
"""Further connections without an event in between, unless the client allows more or, with `max_retries=0`, none. They
take about a minute, in which a server can be restarted."""


def most_reconnections(max_retries: int) -> int:
    """Return how often a lost connection to a durable job is made again."""
    return max(max_retries, RECONNECTIONS) if max_retries else 0


class Follower(Generic[ImageT]):
    """The events of one job, which update its handle. `make_image` makes the handle of an image."""

    def __init__(self, job: JobView, make_image: Callable[[ImageRecord], ImageT], max_retries: int) -> None:
        self.ended = False
        self._job = job
        self._make_image = make_image
        self._max_retries = max_retries
        self._retries = Retries(max_retries)
        self._last_id: str | None = None
        self._seen: set[int] = set()
        self._failure: JobFailed | None = None
        self._server_closes = False

    def request(self) -> Request[None]:
        """Return the request of the next stream."""
        return endpoints.follow_job(self._job.id, self._last_id)

    def read(self, sent: httpx2.ServerSentEvent) -> list[JobEvent[ImageT]]:
        """Return the events that a server-sent event stands for. Raises `InvalidResponseError`."""
        if sent.id:
            self._last_id = sent.id
        self._server_closes = sent.event == "closing"
        event = self._parse(sent)
        if event is None:
            return []
        self._update(event)
        self._retries = Retries(self._max_retries)
        if isinstance(event, JobFailed):
            # Either the job failed, and its end follows, or the stream did, and nothing follows.
            self._failure = event
            return []
        failed = [self._failure] if self._failure is not None else []
        self._failure = None
        self.ended = isinstance(event, JobEnded)
        return [*failed, event]

    def lost(self, error: DarkroomError, jitter: float) -> Retry:
        """Return the time to connect again. Raises `error` where another try would not help.

        Raises `JobDeletedError` where a job that had sent events does not exist any more.
        """
        if isinstance(error, NotFoundError) and self._last_id is not None:
            raise JobDeletedError(error.message, job_id=self._job.id, job=self._job.record) from error
        retry = self._retries.after(error, jitter)
        if retry is None:
            raise error
        return retry

    def closed(self, status_code: int) -> None:
        """Take note that a stream is over. Raises `APIConnectionError` where it ended before the job did.

        Raises `JobDeletedError` where the job was deleted.
        """
        failure, self._failure = self._failure, None
        if status_code == httpx2.codes.NO_CONTENT:
            self.ended = True
        if self.ended:
            return
        if failure is not None and failure.code == "gone":
            raise JobDeletedError(failure.message, job_id=self._job.id, job=self._job.record)
        if self._server_closes:
            raise APIConnectionError("the server is shutting down; the job goes on")
        raise APIConnectionError(
            "the stream of events ended before the job did" if failure is None else failure.message
        )

    def _parse(self, sent: httpx2.ServerSentEvent) -> JobEvent[ImageT] | None:
        """Return the event; None for one of a kind that this version does not know, or that was seen before."""
        match sent.event:
            case "status":
                return _object(StatusChanged, sent)
            case "progress":
                return _object(ProgressMade, sent)
            case "preview":
                return _object(PreviewReady, sent)
            case "image":
                return self._new_image(_object(ImageRecord, sent))
            case "failed":
                return _object(JobFailed, sent)
            case "done":
                return JobEnded(_object(JobRecord, sent))
            case _:
                return None

    def _update(self, event: JobEvent[ImageT]) -> None:
        """Bring the job's handle up to date."""
        record = self._job.record
        match event:
            case StatusChanged():
                record = record.model_copy(update={"status": event.status})
            case ProgressMade():
                progress = JobProgress(
                    step=event.step, steps=event.steps, fraction=event.fraction, loading_s=event.loading_s
                )
                waiting = {"eta_s": event.eta_s, "queue_position": event.queue_position}
                record = record.model_copy(update={"progress": progress, **waiting})
            case JobEnded():
                record = event.job
        self._job.record = record

    def _new_image(self, record: ImageRecord) -> ImageReady[ImageT] | None:
        if record.index in self._seen:
            return None
        self._seen.add(record.index)
        return ImageReady(self._make_image(record))


def _object(kind: type[AnswerT], sent: httpx2.ServerSentEvent) -> AnswerT:
    return parse_object(kind, sent.data, None, "the stream of events")
