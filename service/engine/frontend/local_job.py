"""The caller's side of a job: a buffer of events between the engine, which publishes, and one reader.

Progress, previews and checkpoints are bounded for each job, finished images over all jobs. Runs in the server's
process.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable

from service.engine.interface import ImageCheckpoint, ImageEvent, ImageFinished, ImageStarted
from service.errors import DarkroomError, ResultDiscardedError


class LocalJob:
    """Implements `interface.Job`. The engine calls `publish` and `close`. All methods belong to one event loop."""

    def __init__(
        self,
        job_id: str,
        *,
        max_buffered: int,
        unread: UnreadImages,
        on_cancel: Callable[[LocalJob], object],
        on_read: Callable[[], object],
    ) -> None:
        """`max_buffered` bounds the events besides starts and images that wait for the reader, and `unread` the images.

        `on_read` is called after the reader has taken an image.
        """
        self._id = job_id
        self._max_buffered = max_buffered
        self._unread = unread
        self._on_cancel = on_cancel
        self._on_read = on_read
        self.used_s = 0.0
        self._events: deque[ImageEvent] = deque()
        self._droppable = 0
        """Number of droppable events in the buffer."""
        self._changed = asyncio.Event()
        self._closed = False
        self._error: DarkroomError | None = None

    @property
    def id(self) -> str:
        return self._id

    @property
    def closed(self) -> bool:
        """Whether the job has its outcome."""
        return self._closed

    async def events(self) -> AsyncIterator[ImageEvent]:
        while True:
            while self._events:
                yield self._take()
            if self._closed:
                break
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    async def result(self) -> list[ImageFinished]:
        finished = [event async for event in self.events() if isinstance(event, ImageFinished)]
        return sorted(finished, key=lambda event: event.index)

    def cancel(self) -> None:
        if not self._closed:
            self._on_cancel(self)

    def publish(self, event: ImageEvent) -> None:
        """Buffers an event. A full buffer drops its oldest droppable event; a closed job drops the event."""
        if self._closed:
            return
        if _is_droppable(event):
            if isinstance(event, ImageCheckpoint):
                self._forget_checkpoint(event.index)
            if self._droppable == self._max_buffered:
                self._events.remove(next(filter(_is_droppable, self._events)))
                self._droppable -= 1
            self._droppable += 1
        self._events.append(event)
        self._changed.set()
        if isinstance(event, ImageFinished):
            self._unread.add(self, len(event.rgb_image.pixels))

    def close(self, error: DarkroomError | None = None) -> None:
        """Sets the outcome, which the reader meets after all buffered events. Only the first call counts."""
        if not self._closed:
            self._closed = True
            self._error = error
            self._changed.set()

    def discard(self) -> None:
        """Drops all events that wait for the reader, and ends the job with an error."""
        self._events.clear()
        self._droppable = 0
        self._closed = True
        self._error = self._error or ResultDiscardedError("The finished images were not read in time.")
        self._changed.set()
        self._on_cancel(self)

    def _forget_checkpoint(self, index: int) -> None:
        """Drops the checkpoint of an image for which there is a later one."""
        for event in self._events:
            if isinstance(event, ImageCheckpoint) and event.index == index:
                self._events.remove(event)
                self._droppable -= 1
                return

    def _take(self) -> ImageEvent:
        event = self._events.popleft()
        self._droppable -= _is_droppable(event)
        if isinstance(event, ImageFinished):
            self._unread.take(self, len(event.rgb_image.pixels))
            self._on_read()
        return event


class UnreadImages:
    """Bounds the bytes of finished images that wait to be read, over all jobs of an engine.

    Two rules share the bound, and neither makes a job wait for the reader of another one:

    - Up to half of it, a job's images are sent to a worker only if there is room for them, for the job's images there,
      and for all that is unread. A job without outstanding images may always send one: a job that is read goes on,
      however much of others is unread, and one whose reader comes late goes on from then.
    - Beyond it, the job whose reader has been away longest loses its images and ends with an error.

    A job to which no reference is left, so that nobody can read it, no longer counts.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes: weakref.WeakKeyDictionary[LocalJob, int] = weakref.WeakKeyDictionary()
        """Unread bytes of each job that has some. The job whose reader has been away longest is first."""

    @property
    def total_bytes(self) -> int:
        return sum(self._bytes.values())

    def may_send(self, job: LocalJob, sent_bytes: int, image_bytes: int) -> bool:
        """Returns whether a worker may get a further image of a job whose images in workers will have `sent_bytes`."""
        if not sent_bytes and job not in self._bytes:
            return True
        return self.total_bytes + sent_bytes + image_bytes <= self._max_bytes // 2

    def add(self, job: LocalJob, image_bytes: int) -> None:
        """Counts an image that was finished. Discards jobs until the bound holds, but never this image alone."""
        self._bytes[job] = self._bytes.get(job, 0) + image_bytes
        while self.total_bytes > self._max_bytes:
            longest = next(iter(self._bytes))
            if longest is job and self._bytes[job] == image_bytes:
                break
            del self._bytes[longest]
            longest.discard()

    def take(self, job: LocalJob, image_bytes: int) -> None:
        """Counts an image that was read. Its job is now the last one to be discarded."""
        left_bytes = self._bytes.pop(job) - image_bytes
        if left_bytes:
            self._bytes[job] = left_bytes


def _is_droppable(event: ImageEvent) -> bool:
    return not isinstance(event, ImageFinished | ImageStarted)
