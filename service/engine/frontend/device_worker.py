"""Represents one device's worker to the dispatcher: its images, their costs there, and room for further ones.

Runs in the server's process. It knows neither the worker's process nor the other workers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Final, Protocol

from pipelines.interface import Stage, WorkPlan
from service.engine import limits, messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.frontend.inflight import InFlightImage
from service.engine.frontend.inputs.sent_pixels import SentPixels
from service.engine.interface import Phase
from service.engine.messages import CallDone, ModelState, Ready, ToWorker
from service.engine.scheduling.fair_share import weight
from service.engine.types import ModelStatus, Priority

_CREDIT_CALLS: Final = 4
"""Number of full calls' worth of images that may wait in a worker before an image, at two rows an image. Images of
several sizes wait together, so one call's worth would not fill the calls."""
_ROWS_PER_IMAGE: Final = 2
_CREDIT_S: Final = 2.0
"""Device seconds of images that may wait in a worker before an image, whatever their number."""


class WorkerLink(Protocol):
    """The current process of a worker. `Supervisor` implements it."""

    @property
    def phase(self) -> Phase: ...

    def send(self, message: ToWorker) -> None:
        """Sends without blocking. The message is dropped where no worker is running."""


class DeviceWorker:
    """The worker of one device, through all of its restarts."""

    def __init__(self, index: int, link: WorkerLink, config: WorkerConfig) -> None:
        self.index: Final = index
        self.ready = False
        """Whether the worker has ever reported its costs. Until then they are guesses."""
        self._configured = self._max_counts = limits.resolve(config, None).max_counts
        self.cost = CostModel(CostTable(), max_counts=self._max_counts)
        self.models: dict[str, ModelState] = {}
        """The state of each model that the worker reported last, by name."""
        self._link = link
        self._images: dict[str, InFlightImage] = {}
        self._pixels = SentPixels(link.send)
        self._shares = config.shares
        self._factors = {
            Priority.INTERACTIVE: config.interactive_deadline_factor,
            Priority.BATCH: config.batch_deadline_factor,
        }

    @property
    def phase(self) -> Phase:
        return self._link.phase

    @property
    def outstanding_s(self) -> float:
        """Device seconds that the worker's images still need."""
        return sum(image.work_s * (1 - image.fraction_done) for image in self._images.values())

    def load_s(self, model: str) -> float:
        """Returns the estimated seconds until the model could be resident in the worker: 0 where it is, infinity where
        it cannot be."""
        state = self.models.get(model)
        if state is None:
            return 0.0
        return math.inf if state.status is ModelStatus.FAILED else state.wait_s

    def loads_s(self, plan: WorkPlan) -> float:
        """Returns the estimated seconds of the loads that the work needs."""
        return sum(map(self.load_s, plan.models))

    def virtual_deadline_s(self, image: InFlightImage) -> float:
        """Returns the deadline by which the worker would order the image, by the frontend's clock."""
        return image.admitted_s + self._factors[image.submit.priority] * self.cost.solo_s(image.plan)

    def has_credit_for(self, image: InFlightImage) -> bool:
        """Whether so little work waits before the image in the worker that it may begin soon.

        That is the work of its tenant there whose virtual deadline is no later, and as much of every other tenant by
        its weight, because tenants take turns. So an urgent image, and the first one of a tenant, always has credit.
        """
        own = image.submit.tenant
        counts: defaultdict[str, int] = defaultdict(int)
        work_s: defaultdict[str, float] = defaultdict(float)
        for other in self._images.values():
            tenant = other.submit.tenant
            if not other.started and (tenant != own or other.virtual_deadline_s <= image.virtual_deadline_s):
                counts[tenant] += 1
                work_s[tenant] += other.work_s
        turns = {tenant: weight(self._shares, tenant) / weight(self._shares, own) for tenant in counts}
        count_before = sum(min(counts[tenant], counts[own] * turn) for tenant, turn in turns.items())
        work_before_s = sum(min(work_s[tenant], work_s[own] * turn) for tenant, turn in turns.items())
        max_count = _CREDIT_CALLS * self._max_counts[Stage.DENOISE] // _ROWS_PER_IMAGE
        return count_before < max_count or work_before_s < _CREDIT_S

    def send(self, message: ToWorker) -> None:
        """Sends a message that concerns no image."""
        self._link.send(message)

    def submit(self, image: InFlightImage, now_s: float) -> None:
        """Sends the image, which no worker has."""
        image.worker = self.index
        image.work_s = self.cost.price_s(image.plan)
        image.resumed = bool(image.checkpoint)
        self._images[image.submit.image_id] = image
        self._pixels.need(image.inputs)
        self._link.send(image.submit_message(now_s))

    def cancel(self, image: InFlightImage) -> None:
        """Asks the worker to cancel an image that it has. The image stays until the worker confirms."""
        self._link.send(messages.Cancel(image.submit.image_id))

    def release(self, image: InFlightImage) -> None:
        """Forgets an image that has ended."""
        del self._images[image.submit.image_id]
        self._pixels.release(image.inputs)

    @property
    def images(self) -> list[InFlightImage]:
        return list(self._images.values())

    def take_back(self) -> None:
        """Marks the worker's images as unsent, after the worker has died."""
        for image in self._images.values():
            image.take_back()
        self._images.clear()
        self.models.clear()
        self._pixels.lose()

    def serve(self, ready: Ready) -> None:
        """Takes over the costs and the bounds of a worker that has become ready."""
        self._max_counts = ready.max_counts or self._configured
        self.cost = CostModel(ready.costs, max_counts=self._max_counts)
        self.ready = True

    def learn(self, call: CallDone) -> None:
        """Learns the cost of a call of the worker, if its seconds show that."""
        if call.sound:
            self.cost.learn(call.key, call.rows + call.padded_rows, call.seconds)
