"""Chooses the images of one group that share its next call.

Runs in the worker's process; pure.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic

from pipelines.interface import BatchKey, CostKey, NextCall, StateT
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.fair_share import FairShare
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.state_room import StateRoom


@dataclass(frozen=True, slots=True)
class Batch(Generic[StateT]):
    """The images of one call, most urgent first. They share its batch key and its cost key."""

    images: Sequence[ScheduledImage[StateT]]
    key: BatchKey
    cost: CostKey
    rows_of: Sequence[int]
    """Rows of each image."""

    @property
    def isolated(self) -> bool:
        """Whether its images must not share the device with others."""
        return bool(self.images[0].isolation)

    @property
    def rows(self) -> int:
        """Rows of the call, without padding."""
        return sum(self.rows_of)


def form_batch(
    head: ScheduledImage[StateT],
    queues: Mapping[str, Sequence[ScheduledImage[StateT]]],
    fair_share: FairShare,
    builder: BatchBuilder[StateT],
) -> list[ScheduledImage[StateT]]:
    """Returns the images of the next call of `head`'s group, `head` first.

    `queues` holds the images of the group by tenant, in order of virtual deadline. The tenant with the smallest start
    tag adds its earliest image, and its tag advances as it would for the seconds of that image's rows; then the next
    tenant does, until the batch is full. An image that does not fit is skipped.
    """
    builder.add_head(head)
    turns: list[tuple[float, float, str, int]] = []
    for tenant, queue in queues.items():
        tag_s = fair_share.start_tag_s(tenant)
        if tenant == head.tenant:
            tag_s += fair_share.virtual_s(tenant, head.target.rows * builder.row_s)
        turns.append((tag_s, queue[0].virtual_deadline_s, tenant, 0))
    heapq.heapify(turns)
    while turns and not builder.full:
        tag_s, _, tenant, position = turns[0]
        queue = queues[tenant]
        image = queue[position]
        if image is not head and builder.try_add(image):
            tag_s += fair_share.virtual_s(tenant, image.target.rows * builder.row_s)
        if position + 1 < len(queue):
            heapq.heapreplace(turns, (tag_s, queue[position + 1].virtual_deadline_s, tenant, position + 1))
        else:
            heapq.heappop(turns)
    return builder.images


@dataclass(frozen=True, slots=True)
class _Slack:
    """The time that is left for an image of the batch that can still meet its virtual deadline."""

    calls_left: int
    left_s: float
    """Seconds for these calls and for all work before the next one."""

    def allows(self, call_s: float, before_s: float) -> bool:
        return before_s + self.calls_left * call_s <= self.left_s


class BatchBuilder(Generic[StateT]):
    """The batch of one call while it is being filled."""

    def __init__(
        self, cost: CostModel, key: CostKey, room: StateRoom, padded_rows: Callable[[int], int], now_s: float
    ) -> None:
        """`padded_rows` returns the rows of padding that a call with so many rows gets."""
        self.images: list[ScheduledImage[StateT]] = []
        self.row_s: Final = cost.unit_s(key)
        self._cost = cost
        self._key = key
        self._room = room
        self._padded_rows = padded_rows
        self._now_s = now_s
        knee = cost.knee(key)
        self._max_rows = knee + padded_rows(knee)
        self._rows = 0
        self._preparing: Counter[CostKey] = Counter()
        """Number of texts and images that must be encoded first, by cost key."""
        self._slacks: list[_Slack] = []

    @property
    def full(self) -> bool:
        return self._rows >= self._max_rows

    def add_head(self, image: ScheduledImage[StateT]) -> None:
        """Adds the first image. It may have more rows than the knee."""
        self._add(image, image.target)

    def try_add(self, image: ScheduledImage[StateT]) -> bool:
        """Adds the image unless the call would have too many rows, find no room for the image's state, or be too long
        for an image of the batch that can still meet its virtual deadline."""
        target = image.target
        rows = self._rows + target.rows
        call_s, before_s = self._call_s(rows), self._preparing_s(image)
        if rows > self._max_rows or not all(slack.allows(call_s, before_s) for slack in self._slacks):
            return False
        if not self._room.admits(image):
            return False
        self._add(image, target)
        return True

    def _add(self, image: ScheduledImage[StateT], target: NextCall) -> None:
        before_s = self._preparing_s(image)
        self.images.append(image)
        self._room.take(image)
        self._rows += target.rows
        self._preparing += _preparing_rows(image)
        later_s = sum(call.calls_left * self._cost.seconds(call.cost, call.rows) for call in image.later_calls)
        slack = _Slack(target.calls_left, image.virtual_deadline_s - self._now_s - later_s)
        # An image that is late in any case does not limit the batch.
        if slack.allows(self._call_s(self._rows), before_s):
            self._slacks.append(slack)

    def _call_s(self, rows: int) -> float:
        return self._cost.seconds(self._key, rows + self._padded_rows(rows))

    def _preparing_s(self, image: ScheduledImage[StateT]) -> float:
        """Returns the seconds for the texts and images that must be encoded first if the image is added."""
        preparing = self._preparing + _preparing_rows(image)
        return sum(self._cost.seconds(key, rows) for key, rows in preparing.items())


def _preparing_rows(image: ScheduledImage[StateT]) -> Counter[CostKey]:
    return Counter({call.cost: call.rows for call in image.preparing_calls})
