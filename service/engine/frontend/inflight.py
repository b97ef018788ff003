"""The images that were admitted and have not ended: which ones the worker has, and which ones it gets next.

Runs in the server's process. It keeps what `suspects` finds out about an image, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from service.engine.frontend.local_job import LocalJob
from service.engine.messages import Submit
from service.errors import DarkroomError


@dataclass(slots=True, eq=False)
class InFlightJob:
    """An admitted job, until its last image has ended."""

    handle: LocalJob
    open_images: int
    error: DarkroomError | None = None
    """The error of the first image that failed."""


@dataclass(slots=True, eq=False)
class InFlightImage:
    """An admitted image, until it has ended."""

    job: InFlightJob
    index: int
    submit: Submit
    price_s: float
    """Price at admission, in device seconds."""
    admitted_s: float
    """Time of admission by the frontend's clock."""
    sent: bool = False
    """Whether the current worker has the image."""
    started: bool = False
    """Whether the current worker has begun the image."""
    start_published: bool = False
    """Whether the caller was told that the image started, under this worker or an earlier one."""
    previews_published: int = 0
    deaths_in_calls: int = 0
    """Workers that died while a call of this image was under way."""
    deaths_between_calls: int = 0
    """Workers that had begun this image and died with no call under way."""
    ended: bool = False

    @property
    def suspect(self) -> bool:
        """Whether the image may be the one that killed a worker."""
        return self.deaths_in_calls > 0

    def submit_message(self, now_s: float) -> Submit:
        """Returns the message that submits the image to the worker at this time."""
        isolation = self.submit.image_id if self.suspect else ""
        return msgspec.structs.replace(self.submit, waited_s=now_s - self.admitted_s, isolation=isolation)


class InFlightImages:
    """All admitted images that have not ended, in order of admission."""

    def __init__(self) -> None:
        self._images: dict[str, InFlightImage] = {}

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[InFlightImage]:
        """Iterates over a copy, so that images may be removed meanwhile."""
        return iter(list(self._images.values()))

    def get(self, image_id: str) -> InFlightImage | None:
        return self._images.get(image_id)

    def images_of(self, handle: LocalJob) -> list[InFlightImage]:
        return [image for image in self if image.job.handle is handle]

    def add_job(self, handle: LocalJob, submits: Sequence[Submit], prices_s: Sequence[float], *, now_s: float) -> None:
        job = InFlightJob(handle, open_images=len(submits))
        for index, (submit, price_s) in enumerate(zip(submits, prices_s, strict=True)):
            self._images[submit.image_id] = InFlightImage(job, index, submit, price_s, now_s)

    def remove(self, image: InFlightImage) -> bool:
        """Removes an image that has ended. Returns whether it was its job's last; an image is removed only once."""
        if image.ended:
            return False
        image.ended = True
        del self._images[image.submit.image_id]
        image.job.open_images -= 1
        return image.job.open_images == 0

    def take_sendable(self) -> list[InFlightImage]:
        """Returns the images that the worker gets now, and marks them as sent."""
        sendable = [image for image in self._images.values() if not image.sent]
        for image in sendable:
            image.sent = True
        return sendable

    def take_back(self) -> None:
        """Marks all images as unsent after the worker has died."""
        for image in self._images.values():
            image.sent = image.started = False
