"""Chooses the images of one size that share the next UNet call: which tenants', in which order, and how many.

Runs in the worker's process; pure.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final, Generic

from pipelines.interface import StateT
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.fair_share import FairShare
from service.engine.scheduling.image import ScheduledImage
from service.engine.types import Size


def form_batch(
    images: Iterable[ScheduledImage[StateT]], fair_share: FairShare, cost: CostModel, *, now_s: float
) -> list[ScheduledImage[StateT]]:
    """Returns the batch of a call, formed from images of one size in order of virtual deadline.

    The tenant with the smallest start tag adds its earliest image, and its tag advances by that image's rows; then the
    next tenant does, until the batch is full. An image that does not fit is skipped.
    """
    queues: dict[str, deque[ScheduledImage[StateT]]] = {}
    for image in images:
        queues.setdefault(image.tenant, deque()).append(image)
    tags_s = {tenant: fair_share.start_tag_s(tenant) for tenant in queues}
    batch: BatchBuilder[StateT] | None = None
    while queues:
        tenant = min(queues, key=lambda tenant: (tags_s[tenant], queues[tenant][0].virtual_deadline_s))
        image = queues[tenant].popleft()
        if not queues[tenant]:
            del queues[tenant]
        batch = batch or BatchBuilder(cost, image.size, now_s)
        if batch.try_add(image):
            tags_s[tenant] += image.rows * batch.row_s
        if batch.full:
            break
    return batch.images if batch else []


class BatchBuilder(Generic[StateT]):
    """The batch of one UNet call while it is being filled."""

    def __init__(self, cost: CostModel, size: Size, now_s: float) -> None:
        self.images: list[ScheduledImage[StateT]] = []
        self.row_s: Final = cost.row_s(size)
        self._cost = cost
        self._size = size
        self._decode_s = cost.decode_s(size, 1)
        self._knee = cost.knee(size)
        self._now_s = now_s
        self._rows = 0
        self._max_call_s = math.inf
        """Longest call with which every image of the batch that can meet its virtual deadline still does."""

    @property
    def full(self) -> bool:
        return self._rows >= self._knee

    def try_add(self, image: ScheduledImage[StateT]) -> bool:
        """Adds the image unless the call would have too many rows or be too long for the images before it."""
        rows = self._rows + image.rows
        call_s = self._cost.call_s(self._size, rows)
        if self.images and (rows > self._knee or call_s > self._max_call_s):
            return False
        self.images.append(image)
        self._rows = rows
        left_s = image.virtual_deadline_s - self._now_s - self._decode_s
        max_call_s = left_s / image.calls_left
        # An image that is late in any case does not limit the batch.
        if max_call_s >= call_s:
            self._max_call_s = min(self._max_call_s, max_call_s)
        return True
