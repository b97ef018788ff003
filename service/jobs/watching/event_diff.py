"""Turns successive states of a job into events: what has changed since the last state, with ids to resume from.

An id is an (attempt, version) pair, and ids only grow. A reader that returns with the last id it saw gets the newer
events. A reader without an id, or with an unknown one, gets the current state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from pipelines.work_plan import total_steps
from service.jobs.records import JobFailure, JobPreview, JobProgress, JobRecord, JobSummary, Status, StoredImage

_ID: Final = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)


class EventId(NamedTuple):
    attempt: int
    version: int

    def __str__(self) -> str:
        return f"{self.attempt}.{self.version}"


NOTHING_SEEN: Final = EventId(0, 0)


def parse_event_id(text: str | None) -> EventId:
    """Reads an event id. Returns `NOTHING_SEEN` for any other text."""
    match = _ID.fullmatch(text or "")
    return EventId(int(match[1]), int(match[2])) if match else NOTHING_SEEN


@dataclass(frozen=True, slots=True)
class StatusChanged:
    status: Status


@dataclass(frozen=True, slots=True)
class ProgressMade:
    progress: JobProgress
    queue_position: int | None


@dataclass(frozen=True, slots=True)
class PreviewReady:
    preview: JobPreview


@dataclass(frozen=True, slots=True)
class ImageStored:
    image: StoredImage


@dataclass(frozen=True, slots=True)
class JobFailed:
    failure: JobFailure


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The last event of every job."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class StreamClosing:
    """The last event where the server stops before the job has ended. Another server goes on from its id."""


JobEvent: TypeAlias = StatusChanged | ProgressMade | PreviewReady | ImageStored | JobFailed | JobEnded | StreamClosing


def seen_all(record: JobRecord, seen: EventId) -> bool:
    """Returns whether the job has ended and `seen` is the id of its last event."""
    return record.ended and seen == EventId(record.attempt, record.version)


def progress_of(record: JobRecord | JobSummary) -> JobProgress:
    """Returns the job's progress, even if it has not started or has succeeded."""
    if record.progress is not None and record.status is not Status.SUCCEEDED:
        return record.progress
    steps = sum(total_steps(spec.params) for spec in record.spec.images)
    if record.status is Status.SUCCEEDED:
        return JobProgress(steps, steps, 0.0)
    done = sum(total_steps(record.spec.images[image.index].params) for image in record.images)
    return JobProgress(done, steps)


class EventDiff:
    """Tells one reader, each time it looks at the job, the events that it has not seen."""

    def __init__(self, seen: EventId = NOTHING_SEEN) -> None:
        self._seen = seen
        self._status: Status | None = None
        self._progress: ProgressMade | None = None
        self._preview: JobPreview | None = None

    @property
    def seen(self) -> EventId:
        """The id to resume from."""
        return self._seen

    def events(self, record: JobRecord, queue_position: int | None) -> Iterator[tuple[EventId, JobEvent]]:
        """Yields what is new in the current state, each event with the id to resume from after it.

        An event that is followed by others of the same version carries the id before it, so that a reader which stops
        there gets them again.
        """
        now = EventId(record.attempt, record.version)
        if self._status is None and self._is_unknown(record, now):
            self._seen = NOTHING_SEEN
        if record.status != self._status:
            self._status = record.status
            yield self._seen, StatusChanged(record.status)
        for image in sorted(record.images, key=lambda image: (image.attempt, image.version)):
            stored = EventId(image.attempt, image.version)
            if stored > self._seen:
                self._seen = stored
                yield stored, ImageStored(image)
        if record.ended:
            yield from self._end(record, now)
        self._seen = max(self._seen, now)
        if not record.ended:
            yield from self._transient(record, queue_position)

    def _is_unknown(self, record: JobRecord, now: EventId) -> bool:
        """Returns whether this job cannot have issued the reader's id.

        The process that runs the job issues ids before it records them, so within an attempt the id may be ahead of
        the record.
        """
        return self._seen.attempt > record.attempt or (record.ended and self._seen > now)

    def _end(self, record: JobRecord, now: EventId) -> Iterator[tuple[EventId, JobEvent]]:
        if record.failure is not None:
            yield self._seen, JobFailed(record.failure)
        yield now, JobEnded(record)

    def _transient(self, record: JobRecord, queue_position: int | None) -> Iterator[tuple[EventId, JobEvent]]:
        """Yields events of which only the latest matters: progress and previews."""
        progress = ProgressMade(progress_of(record), queue_position)
        if progress != self._progress:
            self._progress = progress
            yield self._seen, progress
        if record.preview is not None and record.preview != self._preview:
            self._preview = record.preview
            yield self._seen, PreviewReady(record.preview)
