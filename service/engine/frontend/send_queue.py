"""Decides which worker gets which image, and when: the queue of the images that no worker has.

Runs in the server's process; pure, the time is passed in. An image that waits here may still go to any device, one that
was sent may not. So a worker gets what it can begin soon, and enough of it to fill its calls. Where one device is left,
nothing waits here: that worker orders all images itself.

A tenant's images leave in order of virtual deadline, and no tenant waits for another: every tenant that has images in
the queue also has some in each worker, as many as any other, and each worker shares its device equally between tenants.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.inflight import InFlightImage, InFlightImages
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.interface import Phase


class SendQueue:
    """The unsent images of one engine, and its workers."""

    def __init__(self, in_flight: InFlightImages, workers: Sequence[DeviceWorker], unread: UnreadImages) -> None:
        self._in_flight = in_flight
        self._workers = workers
        self._unread = unread

    def placements(self) -> Iterator[tuple[InFlightImage, DeviceWorker]]:
        """Yields the images that may be sent now, each with its worker. The caller sends each before the next."""
        if not self._in_flight.unsent:
            return
        waiting_tenants: set[str] = set()
        sent_bytes = self._sent_bytes()
        for image in self._in_order():
            job = image.job.handle
            if image.submit.tenant in waiting_tenants:
                continue
            if not self._unread.may_send(job, sent_bytes[job], image.image_bytes):
                continue  # Nobody waits for a job that waits for its reader.
            worker = self._worker_for(image)
            if worker is not None:
                sent_bytes[job] += image.image_bytes
                yield image, worker
            elif image.confined_to is None:
                waiting_tenants.add(image.submit.tenant)

    def expired(self, now_s: float) -> list[InFlightImage]:
        """Returns the unsent images that would miss their caller's deadline even alone on the fastest device."""
        return [image for image in self._in_flight.unsent if self._latest_start_s(image) < now_s]

    def next_expiry_s(self) -> float:
        """Returns the time after which the next unsent image expires; infinity where none has a deadline."""
        return min(map(self._latest_start_s, self._in_flight.unsent), default=math.inf)

    def _sent_bytes(self) -> Counter[LocalJob]:
        """Returns the bytes that the images in the workers will have, by job."""
        sent_bytes = Counter[LocalJob]()
        for worker in self._workers:
            for image in worker.images:
                sent_bytes[image.job.handle] += image.image_bytes
        return sent_bytes

    def _in_order(self) -> list[InFlightImage]:
        reference = next((worker for worker in self._workers if worker.ready), self._workers[0])
        unsent = self._in_flight.unsent
        for image in unsent:
            if image.virtual_deadline_s == math.inf:
                image.virtual_deadline_s = reference.virtual_deadline_s(image)
        return sorted(unsent, key=lambda image: image.virtual_deadline_s)

    def _worker_for(self, image: InFlightImage) -> DeviceWorker | None:
        """Returns the worker that would finish the image soonest; None where it has to wait."""
        living = [worker for worker in self._workers if worker.phase is not Phase.FAILED]
        allowed = [worker for worker in living if worker.index == image.confined_to] or living
        able = [worker for worker in allowed if worker.phase is Phase.SERVING] or [
            worker for worker in allowed if worker.phase is Phase.STALLED
        ]
        return min(
            (worker for worker in able if len(living) == 1 or worker.has_credit_for(image)),
            key=lambda worker: worker.outstanding_s + worker.cost.price_s(image.plan) + worker.loads_s(image.plan),
            default=None,
        )

    def _latest_start_s(self, image: InFlightImage) -> float:
        """Returns the last moment at which the image could begin and still meet its caller's deadline."""
        if image.submit.deadline_s is None:
            return math.inf
        solo_s = min(worker.cost.solo_s(image.plan) + worker.loads_s(image.plan) for worker in self._workers)
        return image.admitted_s + image.submit.deadline_s - solo_s
