"""The images that were admitted and have not ended: which ones the worker has, and which ones it gets next.

Runs in the server's process. A crashed worker loses no image: all are generated again from their first step. The images
that had started at a crash are suspects. Suspects are sent to the next worker one at a time, with no other image beside
them, to find the one that crashes the worker. An image that had started at two crashes is poisoned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.messages import Submit
from service.errors import DarkroomError

_POISONED_CRASHES: Final = 2


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
    steps_published: int = 0
    """Most steps that the caller was told of, under this worker or an earlier one."""
    previews_published: int = 0
    crashes: int = 0
    """Workers that crashed while this image was a suspect."""
    ended: bool = False

    @property
    def image_bytes(self) -> int:
        """The bytes of the finished image."""
        return 3 * self.submit.params.width * self.submit.params.height

    def submit_message(self, now_s: float) -> Submit:
        """Returns the message that submits the image to the worker at this time."""
        return msgspec.structs.replace(self.submit, waited_s=now_s - self.admitted_s)


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

    def take_sendable(self, unread: UnreadImages) -> list[InFlightImage]:
        """Returns the images that the worker gets now, and marks them as sent. Suspects do not wait for readers."""
        sendable = [image for image in self._images.values() if not image.sent]
        if any(image.crashes for image in self._images.values()):
            worker_is_empty = len(sendable) == len(self._images)
            sendable = [image for image in sendable if image.crashes][:1] if worker_is_empty else []
        else:
            sendable = self._with_room(sendable, unread)
        for image in sendable:
            image.sent = True
        return sendable

    def _with_room(self, candidates: Sequence[InFlightImage], unread: UnreadImages) -> list[InFlightImage]:
        """Returns those of the unsent images that there is room for until they are read."""
        sent_bytes = Counter[LocalJob]()
        for image in self._images.values():
            sent_bytes[image.job.handle] += image.image_bytes if image.sent else 0
        chosen = []
        for image in candidates:
            if unread.may_send(image.job.handle, sent_bytes[image.job.handle], image.image_bytes):
                sent_bytes[image.job.handle] += image.image_bytes
                chosen.append(image)
        return chosen

    def record_crash(self) -> list[InFlightImage]:
        """Marks all images as unsent after the worker crashed. Returns the poisoned ones, which are not removed."""
        sent = [image for image in self._images.values() if image.sent]
        # The worker reports a start before it works on the image, but may crash before the message is out.
        suspects = [image for image in sent if image.started] or sent
        for image in suspects:
            image.crashes += 1
        for image in sent:
            image.sent = image.started = False
        return [image for image in suspects if image.crashes >= _POISONED_CRASHES]
