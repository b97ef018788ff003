"""Estimates when images are finished: for callers' progress events, and as bounds for the scheduler.

Runs in the worker's process; pure.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pipelines.interface import NextCall, Stage
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.fair_share import FairShare
from service.engine.scheduling.image import Group, ScheduledImage

_CALLS_BETWEEN_TURNS: Final = 4
"""Number of calls in a tenant's turn in the forecast, where there are several tenants."""
_MOST_TURNS: Final = 128
"""Maximum number of turns in a forecast. Where there are more calls, turns are longer."""
_SIMULATED: Final = 96
"""Number of images whose calls are simulated. Later images are expected after them, each at its price."""


def min_remaining_s(image: ScheduledImage[Any], cost: CostModel) -> float:
    """Returns the seconds that the image needs if it has the device to itself from now on."""
    return image.load_s + sum(call.calls_left * cost.seconds(call.cost, call.rows) for call in image.calls_to_come)


def remaining_price_s(image: ScheduledImage[Any], cost: CostModel) -> float:
    """Returns the device seconds that the image still adds when its calls are full."""
    return sum(call.calls_left * call.rows * cost.unit_s(call.cost) for call in image.calls_to_come)


@dataclass(slots=True, eq=False)
class _Remaining:
    """The remaining work of an image in the forecast."""

    image: ScheduledImage[Any]
    call: NextCall
    calls_left: int
    later: list[NextCall]
    preparing_s: float
    """Seconds until its texts and its image to start from are encoded."""
    virtual_deadline_s: float
    """Seconds from the start of the forecast."""
    demoted: bool

    @property
    def group(self) -> Group:
        return Group(self.call.key, self.image.isolation)


class Forecast:
    """Simulates the calls that the scheduler would make if nothing arrived.

    The most urgent image decides whose turn it is; its group makes calls, full to the knee, until an image of the batch
    has made its last call of the stage. Images whose model is not resident wait until it could be.
    """

    def __init__(
        self,
        images: Iterable[ScheduledImage[Any]],
        fair_share: FairShare,
        cost: CostModel,
        padded_rows: Callable[[int], int],
        beside: frozenset[Stage],
        now_s: float,
    ) -> None:
        self._cost = cost
        self._padded_rows = padded_rows
        self._beside = beside
        self._start_s = now_s
        self._passed_s = 0.0
        self._groups: dict[Group, dict[str, list[_Remaining]]] = {}
        """The remaining work by group and tenant, in order of virtual deadline."""
        in_order = sorted(images, key=lambda image: image.virtual_deadline_s)
        self._fair_share = fair_share
        self._tags_s = {image.tenant: fair_share.start_tag_s(image.tenant) for image in in_order}
        for image in in_order[:_SIMULATED]:
            self._add(image)
        calls = sum(image.target.calls_left for image in in_order[:_SIMULATED])
        self._calls_between_turns = max(_CALLS_BETWEEN_TURNS, calls // _MOST_TURNS)
        self._beyond = in_order[_SIMULATED:]
        self._ends_s: dict[str, float] = {}

    def run(self) -> dict[str, float]:
        """Returns the estimated seconds until each image is finished, by id."""
        while self._groups:
            head = self._head()
            if self._is_late(head):
                self._demote(head)
            else:
                self._simulate(head)
        for image in self._beyond:
            self._passed_s = max(self._passed_s, image.load_s) + remaining_price_s(image, self._cost)
            self._ends_s[image.id] = self._passed_s
        return self._ends_s

    def _add(self, image: ScheduledImage[Any]) -> None:
        preparing_s = sum(self._cost.seconds(call.cost, call.rows) for call in image.preparing_calls)
        target = image.target
        self._put(
            _Remaining(
                image,
                target,
                target.calls_left,
                image.later_calls,
                preparing_s,
                image.virtual_deadline_s - self._start_s,
                image.demoted,
            )
        )

    def _put(self, remaining: _Remaining) -> None:
        queue = self._groups.setdefault(remaining.group, {}).setdefault(remaining.image.tenant, [])
        bisect.insort(queue, remaining, key=lambda each: each.virtual_deadline_s)

    def _take(self, remaining: _Remaining) -> None:
        queues = self._groups[remaining.group]
        queues[remaining.image.tenant].remove(remaining)
        if not queues[remaining.image.tenant]:
            del queues[remaining.image.tenant]
        if not queues:
            del self._groups[remaining.group]

    def _head(self) -> _Remaining:
        """Returns the most urgent image whose model is resident by then, or the one whose model is resident first."""
        heads = [queue[0] for queues in self._groups.values() for queue in queues.values()]
        soonest_s = max(self._passed_s, min(head.image.load_s for head in heads))
        return min((head for head in heads if head.image.load_s <= soonest_s), key=self._turn)

    def _turn(self, remaining: _Remaining) -> tuple[float, float]:
        return self._tags_s[remaining.image.tenant], remaining.virtual_deadline_s

    def _is_late(self, head: _Remaining) -> bool:
        """Returns whether the image will be demoted, since it cannot meet its virtual deadline even alone."""
        alone_s = head.preparing_s + head.calls_left * self._call_s(head.call, head.call.rows) + self._later_s(head)
        return not head.demoted and head.virtual_deadline_s < max(self._passed_s, head.image.load_s) + alone_s

    def _demote(self, head: _Remaining) -> None:
        self._take(head)
        head.virtual_deadline_s = head.image.late_virtual_deadline_s - self._start_s
        head.demoted = True
        self._put(head)

    def _simulate(self, head: _Remaining) -> None:
        """Simulates calls of the head's group until an image is done with the stage or another tenant has its turn."""
        self._passed_s = max(self._passed_s, head.image.load_s)
        batch, rows = self._batch(head)
        calls = min(each.calls_left for each in batch)
        if len(self._tags_s) > 1:
            calls = min(calls, self._calls_between_turns)
        call_s = self._call_s(head.call, rows)
        self._passed_s += sum(each.preparing_s for each in batch) + calls * call_s
        for each in batch:
            tenant, served_s = each.image.tenant, each.preparing_s + calls * call_s * each.call.rows / rows
            self._tags_s[tenant] += self._fair_share.virtual_s(tenant, served_s)
            each.preparing_s = 0.0
            each.calls_left -= calls
            if not each.calls_left:
                self._take(each)
                self._next_stage(each)

    def _batch(self, head: _Remaining) -> tuple[list[_Remaining], int]:
        """Returns the head, the other images of its group up to the knee, and their rows."""
        knee = self._cost.knee(head.call.cost)
        slack_s = head.virtual_deadline_s - self._passed_s - self._later_s(head)
        batch, rows = [head], head.call.rows
        for each in heapq.merge(*self._groups[head.group].values(), key=self._turn):
            if rows >= knee:
                break
            more = rows + each.call.rows
            # A late head does not limit the batch.
            in_time = slack_s < 0 or head.calls_left * self._call_s(head.call, more) <= slack_s
            if each is not head and more <= knee and in_time:
                batch.append(each)
                rows = more
        return batch, rows

    def _call_s(self, call: NextCall, rows: int) -> float:
        padding = self._padded_rows(rows) if call.key.stage is Stage.DENOISE else 0
        return self._cost.seconds(call.cost, rows + padding)

    def _later_s(self, remaining: _Remaining) -> float:
        return sum(call.calls_left * self._cost.seconds(call.cost, call.rows) for call in remaining.later)

    def _next_stage(self, remaining: _Remaining) -> None:
        """Moves an image that is done with a stage to its next one, or to its end."""
        if not remaining.later or remaining.later[0].key.stage in self._beside:
            self._ends_s[remaining.image.id] = self._passed_s + self._later_s(remaining)
        else:
            remaining.call = remaining.later.pop(0)
            remaining.calls_left = remaining.call.calls_left
            self._put(remaining)
