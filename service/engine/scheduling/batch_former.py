"""Which images of one size share a UNet call: whose are taken, in which order, and how many. Policy only."""

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
    images: Iterable[ScheduledImage[StateT]], shares: FairShare[str], cost: CostModel, *, now_s: float
) -> list[ScheduledImage[StateT]]:
    """The company of a call, from images of one size in order of deadline.

    ScheduledImage by image, the tenant that has had the least is next, with its earliest deadline; what does not fit is
    skipped past.
    """
    queues: dict[str, deque[ScheduledImage[StateT]]] = {}
    for image in images:
        queues.setdefault(image.tenant, deque()).append(image)
    had_s = {tenant: shares.of(tenant) for tenant in queues}
    call: BatchBuilder[StateT] | None = None
    while queues:
        tenant = min(queues, key=lambda tenant: (had_s[tenant], queues[tenant][0].virtual_deadline_s))
        image = queues[tenant].popleft()
        if not queues[tenant]:
            del queues[tenant]
        call = call or BatchBuilder(cost, image.size, now_s)
        if call.admit(image):
            had_s[tenant] += image.rows * call.row_s
        if call.full:
            break
    return call.images if call else []


class BatchBuilder(Generic[StateT]):
    """A UNet call that is being filled."""

    def __init__(self, cost: CostModel, size: Size, now_s: float) -> None:
        self.images: list[ScheduledImage[StateT]] = []
        self.row_s: Final = cost.row_s(size)
        self._cost = cost
        self._size = size
        self._decode_s = cost.decode_s(size, 1)
        self._knee = cost.knee(size)
        self._now_s = now_s
        self._rows = 0
        self._longest_s = math.inf
        """What the call may take before one of its images misses its deadline."""

    @property
    def full(self) -> bool:
        return self._rows >= self._knee

    def admit(self, image: ScheduledImage[StateT]) -> bool:
        """Take the image unless the call would have too many rows, or be too long for those taken before."""
        rows = self._rows + image.rows
        seconds = self._cost.call_s(self._size, rows)
        if self.images and (rows > self._knee or seconds > self._longest_s):
            return False
        self.images.append(image)
        self._rows = rows
        left_s = image.virtual_deadline_s - self._now_s - self._decode_s
        bearable_s = left_s / image.calls_left
        # What is late in any company asks for no sacrifice.
        if bearable_s >= seconds:
            self._longest_s = min(self._longest_s, bearable_s)
        return True
