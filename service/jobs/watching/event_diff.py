"""A job's news, one after another: what has changed between two looks at it, each with an id to resume from.

Ids are (attempt, version) pairs, which only grow. Whoever comes back with the last one seen gets what is newer;
whoever brings none, or one that is not known, gets how things stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from service.jobs.records import JobFailure, JobPreview, JobProgress, JobRecord, Status, StoredImage

_ID: Final = re.compile(r"(\d{1,9})\.(\d{1,9})", re.ASCII)


class EventId(NamedTuple):
    attempt: int
    version: int

    def __str__(self) -> str:
        return f"{self.attempt}.{self.version}"


NOTHING_SEEN: Final = EventId(0, 0)


def parse_event_id(text: str | None) -> EventId:
    """`NOTHING_SEEN` where it is none of ours."""
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
    """Always the last."""

    record: JobRecord


JobEvent: TypeAlias = StatusChanged | ProgressMade | PreviewReady | ImageStored | JobFailed | JobEnded


def seen_all(record: JobRecord, seen: EventId) -> bool:
    """Whether the job has ended and `seen` is its end."""
    return record.ended and seen == EventId(record.attempt, record.version)


def progress_of(record: JobRecord) -> JobProgress:
    """Also of a job that nobody has begun, or that was made to the end."""
    steps = sum(spec.params.steps for spec in record.spec.images)
    if record.status is Status.SUCCEEDED:
        return JobProgress(steps, steps, 0.0)
    done = sum(record.spec.images[image.index].params.steps for image in record.images)
    return record.progress or JobProgress(done, steps)


class EventDiff:
    """What a reader does not know yet, look by look."""

    def __init__(self, seen: EventId = NOTHING_SEEN) -> None:
        self._seen = seen
        self._status: Status | None = None
        self._progress: ProgressMade | None = None
        self._preview: JobPreview | None = None

    def news(self, record: JobRecord, queue_position: int | None) -> Iterator[tuple[EventId, JobEvent]]:
        """What this look tells that those before it did not.

        The id beside each piece says what a reader who got so far has seen for good: not itself, where more of the
        same moment follows.
        """
        now = EventId(record.attempt, record.version)
        if self._status is None and self._is_unknown(record, now):
            self._seen = NOTHING_SEEN
        if record.status != self._status:
            self._status = record.status
            yield self._seen, StatusChanged(record.status)
        for image in sorted(record.images, key=lambda image: (image.attempt, image.version)):
            made = EventId(image.attempt, image.version)
            if made > self._seen:
                self._seen = made
                yield made, ImageStored(image)
        if record.ended:
            yield from self._end(record, now)
        self._seen = max(self._seen, now)
        if not record.ended:
            yield from self._passing(record, queue_position)

    def _is_unknown(self, record: JobRecord, now: EventId) -> bool:
        """An id that the job's process has told may be ahead of what it has recorded of this attempt."""
        return self._seen.attempt > record.attempt or (record.ended and self._seen > now)

    def _end(self, record: JobRecord, now: EventId) -> Iterator[tuple[EventId, JobEvent]]:
        if record.failure is not None:
            yield self._seen, JobFailed(record.failure)
        yield now, JobEnded(record)

    def _passing(self, record: JobRecord, queue_position: int | None) -> Iterator[tuple[EventId, JobEvent]]:
        """What only the latest of is worth telling."""
        progress = ProgressMade(progress_of(record), queue_position)
        if progress != self._progress:
            self._progress = progress
            yield self._seen, progress
        if record.preview is not None and record.preview != self._preview:
            self._preview = record.preview
            yield self._seen, PreviewReady(record.preview)
