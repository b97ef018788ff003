"""The images that were admitted and have not ended, and what is known of each. State only: others decide.

Runs in the server's process.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from pipelines.interface import InputPixels, WorkPlan
from pipelines.params import PixelKey
from service.engine.frontend.admission import QueuedWork, take_one
from service.engine.frontend.inputs.held_pixels import HeldPixels
from service.engine.frontend.local_job import LocalJob
from service.engine.interface import NO_INPUTS
from service.engine.messages import Submit
from service.errors import DarkroomError


@dataclass(slots=True, eq=False)
class InFlightJob:
    """An admitted job, until its last image has ended."""

    handle: LocalJob
    open_images: int
    queued: QueuedWork | None = None
    """The queue in which its images take room. None where the job was accepted before, so that they take none."""
    error: DarkroomError | None = None
    """The error of the first image that failed."""

    @property
    def accepted(self) -> bool:
        """Whether the job was accepted before."""
        return self.queued is None


@dataclass(slots=True, eq=False)
class InFlightImage:
    """An admitted image, until it has ended."""

    job: InFlightJob
    index: int
    submit: Submit
    plan: WorkPlan
    inputs: Mapping[PixelKey, InputPixels]
    """The pixels that it starts from."""
    price_s: float
    """Price at admission, in device seconds."""
    admitted_s: float
    """Time at which its caller was admitted or joined the line, by the frontend's clock."""
    virtual_deadline_s: float = math.inf
    """The deadline by which unsent images are ordered, by the frontend's clock. `SendQueue` sets it."""
    worker: int | None = None
    """Index of the worker that has the image; None while it is unsent."""
    checkpoint: bytes = b""
    """The latest checkpoint, from which it is resumed where a worker gets it again; empty begins it anew."""
    resumed: bool = False
    """Whether its worker was given a checkpoint of it."""
    work_s: float = 0.0
    """Device seconds that the image takes on that worker's device."""
    started: bool = False
    """Whether that worker has begun the image."""
    fraction_done: float = 0.0
    """Fraction of the image's steps that this worker has done. `record_done` sets it."""
    start_published: bool = False
    """Whether the caller was told that the image started, under this worker or an earlier one."""
    steps_published: int = 0
    """Most steps that the caller was told of, under this worker or an earlier one."""
    previews_published: int = 0
    deaths_in_calls: int = 0
    """Workers that died while a call of this image was under way."""
    confined_to: int | None = None
    """Index of the worker that died in a call of this image. No other worker that lives gets the image."""
    deaths_between_calls: int = 0
    """Workers that had begun this image and died with no call under way."""
    ended: bool = False

    @property
    def model(self) -> str:
        """Name of the model that begins the image."""
        return self.plan.models[0]

    @property
    def image_bytes(self) -> int:
        """The bytes of the finished image."""
        return 3 * self.submit.params.width * self.submit.params.height

    @property
    def suspect(self) -> bool:
        """Whether the image may be the one that killed a worker."""
        return self.deaths_in_calls > 0

    def submit_message(self, now_s: float) -> Submit:
        """Returns the message that submits the image to the worker at this time."""
        isolation = self.submit.image_id if self.suspect else ""
        return msgspec.structs.replace(
            self.submit, waited_s=now_s - self.admitted_s, isolation=isolation, checkpoint=self.checkpoint
        )

    @property
    def left_s(self) -> float:
        """The price, as far as it is not done."""
        return self.price_s * (1 - self.fraction_done)

    def record_done(self, fraction: float) -> None:
        if self.job.queued is not None:
            self.job.queued.record_done(self.submit.tenant, self.price_s * (fraction - self.fraction_done))
        self.fraction_done = fraction

    def take_back(self) -> None:
        """Makes it an image that no worker has."""
        self.record_done(0.0)
        self.worker, self.started = None, False

    def distrust_checkpoint(self) -> None:
        """Has the image begin anew after a failure, unless it was begun from its noise: it may lie in its state."""
        if self.resumed:
            self.checkpoint = b""


class InFlightImages:
    """All admitted images that have not ended, in order of admission."""

    def __init__(self, held: HeldPixels | None = None) -> None:
        """`held` has the pixels that images start from, which are without bound unless it is given."""
        self.queued: Final = QueuedWork()
        self._images: dict[str, InFlightImage] = {}
        self._models = Counter[str]()
        self._price_s = 0.0
        self._held = held or HeldPixels()

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[InFlightImage]:
        """Iterates over a copy, so that images may be removed meanwhile."""
        return iter(list(self._images.values()))

    @property
    def price_s(self) -> float:
        """The sum of the images' prices."""
        return self._price_s

    @property
    def models(self) -> Collection[str]:
        """The names of the models that the images need."""
        return self._models.keys()

    @property
    def unsent(self) -> list[InFlightImage]:
        """The images that no worker has, in order of admission."""
        return [image for image in self._images.values() if image.worker is None]

    def get(self, image_id: str) -> InFlightImage | None:
        return self._images.get(image_id)

    def images_of(self, handle: LocalJob) -> list[InFlightImage]:
        return [image for image in self if image.job.handle is handle]

    def add_job(
        self,
        handle: LocalJob,
        submits: Sequence[Submit],
        plans: Sequence[WorkPlan],
        prices_s: Sequence[float],
        *,
        now_s: float,
        accepted: bool = False,
        inputs: Mapping[PixelKey, InputPixels] = NO_INPUTS,
    ) -> None:
        job = InFlightJob(handle, open_images=len(submits), queued=None if accepted else self.queued)
        for index, (submit, plan, price_s) in enumerate(zip(submits, plans, prices_s, strict=True)):
            held = self._held.hold(submit.params.pixels, inputs)
            self._add(InFlightImage(job, index, submit, plan, held, price_s, now_s, checkpoint=submit.checkpoint))

    def _add(self, image: InFlightImage) -> None:
        self._images[image.submit.image_id] = image
        self._models.update(image.plan.models)
        self._price_s += image.price_s
        if image.job.queued is not None:
            image.job.queued.add(image.job, image.submit.tenant, image.price_s)

    def remove(self, image: InFlightImage) -> bool:
        """Removes an image that has ended. Returns whether it was its job's last; an image is removed only once."""
        if image.ended:
            return False
        image.ended = True
        del self._images[image.submit.image_id]
        self._price_s = (
            self._price_s - image.price_s if self._images else 0.0
        )  # Without the rounding errors of the sum.
        for model in image.plan.models:
            take_one(self._models, model)
        if image.job.queued is not None:
            image.job.queued.remove(image.job, image.submit.tenant, image.left_s)
        self._held.release(image.inputs)
        image.job.open_images -= 1
        return image.job.open_images == 0
