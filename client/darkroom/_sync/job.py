# Written by `python -m scripts.sync_client` from client/darkroom/_async/job.py: change that instead.

"""The handle of a job."""

from __future__ import annotations

import random
import time

from typing_extensions import Self, Unpack

from darkroom._core import endpoints
from darkroom._core.following import Follower, most_reconnections
from darkroom._core.polling import Poller
from darkroom._core.views import JobView
from darkroom._sync.files import JobImage
from darkroom._sync.streams import JobEvents
from darkroom._sync.transport import Transport
from darkroom.errors import APIConnectionError, APIStatusError
from darkroom.notebook import Display, JobCard
from darkroom.results.events import ImageReady
from darkroom.results.jobs import ImageRecord, JobRecord
from darkroom.types import CallOptions


class Job(JobView):
    """A durable job. It goes on without this program, until somebody cancels or deletes it."""

    def __init__(self, transport: Transport, record: JobRecord) -> None:
        super().__init__(record)
        self._transport = transport
        self._images: dict[int, JobImage] = {}

    @property
    def images(self) -> list[JobImage]:
        """The images that were finished when the server was last asked, in order."""
        return [self._image(record) for record in self.record.images]

    def _image(self, record: ImageRecord) -> JobImage:
        """Return the handle of an image, always the same one, which keeps its content."""
        if record.index not in self._images:
            self._images[record.index] = JobImage(self._transport, record, self.record.request)
        return self._images[record.index]

    def refresh(self, **options: Unpack[CallOptions]) -> Self:
        """Ask the server for the job's present state. Returns the handle itself."""
        self.record = self._transport.call(endpoints.get_job(self.id), options)
        return self

    def wait(self, *, timeout_s: float | None = None) -> Self:
        """Wait until the job has ended, in whichever way. Returns the handle itself.

        A server that does not answer for a while, because it is restarted, is asked again. Raises `JobTimeoutError`
        after `timeout_s` seconds; the job goes on. Raises `NotFoundError` where the job is deleted.
        """
        poller = Poller(self, timeout_s, most_reconnections(self._transport.options.max_retries), time.monotonic())
        while not self.ended:
            self._transport.sleep(poller.pause_s(time.monotonic()))
            try:
                self.refresh(max_retries=0, timeout=poller.answer_s(time.monotonic()))
                poller.answered()
            except (APIConnectionError, APIStatusError) as error:
                # Jitter between clients needs no secrecy.
                poller.lost(error, random.random())  # noqa: S311
        return self

    def result(self, *, timeout_s: float | None = None) -> list[JobImage]:
        """Wait until the job has ended, and return its images.

        Raises `JobFailedError` and `JobCanceledError`, whose `job` has the images that were finished, and what `wait`
        raises.
        """
        self.wait(timeout_s=timeout_s)
        self.raise_for_status()
        return self.images

    def events(self) -> JobEvents:
        """Return the job's events as they happen, from its present state to its end. They update the handle."""
        retries = most_reconnections(self._transport.options.max_retries)
        return JobEvents(self._transport, Follower(self, self._image, retries))

    def show(self) -> None:
        """Follow the job in the output of a notebook's cell, until it has ended.

        Shows a bar, previews where `previews` asked for them, and then the images, as thumbnails. Raises `ImportError`
        without IPython, which the extra `notebook` installs, and what `events` raises.
        """
        card = JobCard(self)
        display = Display(card)
        with self.events() as events:
            for event in events:
                card.update(event)
                if isinstance(event, ImageReady):
                    card.put(event.image.index, event.image.thumbnail())
                display.update()

    def cancel(self, **options: Unpack[CallOptions]) -> Self:
        """Cancel the job, unless it has ended. Its finished images stay. Returns the handle itself."""
        self.record = self._transport.call(endpoints.cancel_job(self.id), options)
        return self

    def delete(self, **options: Unpack[CallOptions]) -> None:
        """Cancel the job, unless it has ended, and delete its record and its images."""
        self._transport.call(endpoints.delete_job(self.id), options)
