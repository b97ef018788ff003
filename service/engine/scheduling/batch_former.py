"""Which pictures of one size share a UNet call: whose are taken, in which order, and how many. Policy only."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import Final, Generic

from pipelines.interface import StateT
from service.engine.costs.cost_model import CostModel, Size
from service.engine.scheduling.fair_share import Shares
from service.engine.scheduling.image import Picture


def gather(
    pictures: Iterable[Picture[StateT]], shares: Shares[str], cost: CostModel, *, now_s: float
) -> list[Picture[StateT]]:
    """The company of a call, from pictures of one size in order of deadline.

    Picture by picture, the tenant that has had the least is next, with its earliest deadline; what does not fit is
    skipped past.
    """
    queues: dict[str, deque[Picture[StateT]]] = {}
    for picture in pictures:
        queues.setdefault(picture.tenant, deque()).append(picture)
    had_s = {tenant: shares.of(tenant) for tenant in queues}
    call: _Call[StateT] | None = None
    while queues:
        tenant = min(queues, key=lambda tenant: (had_s[tenant], queues[tenant][0].deadline_s))
        picture = queues[tenant].popleft()
        if not queues[tenant]:
            del queues[tenant]
        call = call or _Call(cost, picture.size, now_s)
        if call.admit(picture):
            had_s[tenant] += picture.rows * call.row_s
        if call.full:
            break
    return call.pictures if call else []


class _Call(Generic[StateT]):
    """A UNet call that is being filled."""

    def __init__(self, cost: CostModel, size: Size, now_s: float) -> None:
        self.pictures: list[Picture[StateT]] = []
        self.row_s: Final = cost.row_s(size)
        self._cost = cost
        self._size = size
        self._decode_s = cost.decode_s(size, 1)
        self._knee = cost.knee(size)
        self._now_s = now_s
        self._rows = 0
        self._longest_s = math.inf
        """What the call may take before one of its pictures misses its deadline."""

    @property
    def full(self) -> bool:
        return self._rows >= self._knee

    def admit(self, picture: Picture[StateT]) -> bool:
        """Take the picture unless the call would have too many rows, or be too long for those taken before."""
        rows = self._rows + picture.rows
        seconds = self._cost.call_s(self._size, rows)
        if self.pictures and (rows > self._knee or seconds > self._longest_s):
            return False
        self.pictures.append(picture)
        self._rows = rows
        left_s = picture.deadline_s - self._now_s - self._decode_s
        bearable_s = left_s / picture.calls_left
        # What is late in any company asks for no sacrifice.
        if bearable_s >= seconds:
            self._longest_s = min(self._longest_s, bearable_s)
        return True
