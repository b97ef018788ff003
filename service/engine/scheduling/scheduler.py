"""Decides what the worker does next: which pictures begin, share the next UNet call, are decoded, are given up.

A pure function of the pictures, the cost model and the time passed in: no torch, no asyncio, no clock. Tenants take
turns by device time had; within a tenant the virtual deadline alone decides, and since it does not move on with the
time, waiting alone brings a picture's turn. docs/scheduling.md says why.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Generic

from pipelines.interface import StateT
from service.engine.costs.cost_model import CostModel, Size
from service.engine.scheduling import eta
from service.engine.scheduling.batch_former import gather
from service.engine.scheduling.fair_share import Shares
from service.engine.scheduling.image import Picture

_DECODE_FACTOR: Final = 1.0
"""Decodes may have so many seconds for each that UNet calls have, while there is work for both."""
_REPRIEVE: Final = 4.0
"""Times its patience that a picture gets which has missed its virtual deadline."""
_TENANT_STATES: Final = 0.75
"""Share of the states that one tenant may hold, so that the next need not wait for a picture of it to end."""


class Scheduler(Generic[StateT]):
    """Holds every picture of the worker in exactly one of: waiting, denoising, finished (its decode is due)."""

    def __init__(self, cost: CostModel, *, max_begun: int, max_begun_bytes: int, max_decode: int) -> None:
        """`max_begun` and `max_begun_bytes` bound the states held, `max_decode` the pictures of a decode."""
        self._cost = cost
        self._max_begun = max_begun
        self._max_begun_bytes = max_begun_bytes
        self._max_decode = max_decode
        self._pictures: dict[str, Picture[StateT]] = {}
        self._waiting: list[Picture[StateT]] = []
        self._denoising: list[Picture[StateT]] = []
        self._finished: list[Picture[StateT]] = []
        """Oldest first."""
        self._tenants: Shares[str] = Shares()
        self._call_s = 0.0
        """Of the last UNet call."""
        self._decode_debt_s = 0.0
        """What decodes have had and UNet calls are still to have."""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def denoising(self) -> int:
        return len(self._denoising)

    @property
    def begun(self) -> int:
        return len(self._denoising) + len(self._finished)

    def oldest_s(self, now_s: float) -> float:
        """How long the picture has waited to begin that has waited longest; 0 where none waits."""
        return max((now_s - picture.arrived_s for picture in self._waiting), default=0.0)

    def get(self, picture_id: str) -> Picture[StateT] | None:
        return self._pictures.get(picture_id)

    def add(self, picture: Picture[StateT]) -> None:
        assert picture.id not in self._pictures, "a picture is added once"
        self._pictures[picture.id] = picture
        bisect.insort(self._waiting, picture, key=_deadline)

    def remove(self, picture: Picture[StateT]) -> None:
        """Forget it, wherever it stands."""
        del self._pictures[picture.id]
        for held in (self._waiting, self._denoising, self._finished):
            if picture in held:
                held.remove(picture)

    def review(self, now_s: float) -> list[Picture[StateT]]:
        """What the time that has passed means: gives the pictures that their caller's deadline will find unfinished,
        were the device theirs alone. What will miss its virtual deadline moves, once, behind what can still meet its.
        """
        tight = [picture for picture in self._pictures.values() if picture.deadline_s < now_s + picture.solo_s]
        soonest_s = {picture: now_s + eta.soonest_s(picture, self._cost) for picture in tight}
        missing = [picture for picture in tight if picture.deadline_s < soonest_s[picture] and not picture.reprieved]
        for picture in missing:
            picture.reprieved = True
            patience_s = _REPRIEVE * (picture.deadline_s - picture.arrived_s)
            picture.deadline_s = min(picture.arrived_s + patience_s, picture.due_s)
        if missing:
            self._waiting.sort(key=_deadline)
            self._denoising.sort(key=_deadline)
        return [picture for picture in tight if picture.due_s < soonest_s[picture]]

    def choose_begin(self, now_s: float) -> list[Picture[StateT]]:
        """Waiting pictures that the next call of their size would take, as far as states may be held."""
        newcomers = [
            picture
            for size in {picture.size for picture in self._waiting}
            for picture in gather(self._in_order(size), self._tenants, self._cost, now_s=now_s)
            if picture.state is None
        ]
        newcomers.sort(key=lambda picture: (self._tenants.of(picture.tenant), picture.deadline_s))
        return self._within_bounds(newcomers)

    def begin(self, picture: Picture[StateT]) -> None:
        """It holds a state now and demands calls."""
        self._waiting.remove(picture)
        bisect.insort(self._denoising, picture, key=_deadline)

    def begin_again(self, picture: Picture[StateT]) -> None:
        """It holds another state, with all of its calls to come."""
        (self._finished if picture in self._finished else self._denoising).remove(picture)
        bisect.insort(self._denoising, picture, key=_deadline)

    def choose_call(self, now_s: float) -> list[Picture[StateT]]:
        """Pictures to share the next UNet call; none where nothing is denoised."""
        if not self._denoising:
            return []
        head = min(self._denoising, key=lambda picture: (self._tenants.of(picture.tenant), picture.deadline_s))
        mates = [picture for picture in self._denoising if picture.demand.key == head.demand.key]
        return gather(mates, self._tenants, self._cost, now_s=now_s)

    def charge_call(self, rows: Iterable[tuple[str, int]], seconds: float) -> None:
        """A call was made: each tenant pays by the rows that its pictures had in it."""
        self._call_s = seconds
        self._decode_debt_s = max(0.0, self._decode_debt_s - _DECODE_FACTOR * seconds)
        self._charge(rows, seconds)

    def finish(self, picture: Picture[StateT]) -> None:
        """Its latents are finished."""
        self._denoising.remove(picture)
        self._finished.append(picture)

    def choose_decode(self) -> list[Picture[StateT]]:
        """Finished pictures of one size to decode now; none while UNet calls are owed the time of the last decode."""
        if not self._finished or (self._denoising and self._decode_debt_s > 0):
            return []
        size = self._finished[0].size
        batch = [picture for picture in self._finished if picture.size == size][: self._max_decode]
        if self._denoising:
            while len(batch) > 1 and self._cost.decode_s(size, len(batch)) > _DECODE_FACTOR * self._call_s:
                batch.pop()
        return batch

    def charge_decode(self, pictures: Sequence[Picture[StateT]], seconds: float) -> None:
        """These pictures were decoded together."""
        # Where no call was held up, none is owed anything.
        self._decode_debt_s = self._decode_debt_s + seconds if self._denoising else 0.0
        self._charge(((picture.tenant, 1) for picture in pictures), seconds)

    def etas_s(self, pictures: Iterable[Picture[StateT]]) -> dict[Picture[StateT], float]:
        """Seconds until each of these should be finished."""
        rows: Counter[Size] = Counter()
        for picture in self._denoising:
            rows[picture.size] += picture.rows
        round_s = sum(self._cost.call_s(size, min(count, self._cost.knee(size))) for size, count in rows.items())
        order = itertools.chain(self._finished, heapq.merge(self._denoising, self._waiting, key=_deadline))
        return eta.etas_s(pictures, order, self._cost, round_s=round_s)

    def check_integrity(self) -> None:
        """What holds between any two decisions; raises AssertionError where it does not."""
        held = [*self._waiting, *self._denoising, *self._finished]
        assert len(held) == len(self._pictures), "every picture stands in one place"
        assert {id(picture) for picture in held} == {id(picture) for picture in self._pictures.values()}
        assert self.begun <= self._max_begun
        assert all(picture.state is None for picture in self._waiting)
        assert all(picture.begun.demand is not None for picture in self._denoising)
        assert all(picture.finished for picture in self._finished)
        assert _is_sorted(self._waiting), "the order is the deadlines'"
        assert _is_sorted(self._denoising), "the order is the deadlines'"

    def _in_order(self, size: Size) -> Iterable[Picture[StateT]]:
        pictures = heapq.merge(self._denoising, self._waiting, key=_deadline)
        return (picture for picture in pictures if picture.size == size)

    def _within_bounds(self, newcomers: Iterable[Picture[StateT]]) -> list[Picture[StateT]]:
        """As many as states may be held, in order; an idle worker takes one however large."""
        held = [*self._denoising, *self._finished]
        count, held_bytes = len(held), sum(picture.state_bytes for picture in held)
        by_tenant = Counter(picture.tenant for picture in held)
        chosen: list[Picture[StateT]] = []
        for picture in newcomers:
            held_bytes += picture.state_bytes
            if count == self._max_begun or (count and held_bytes > self._max_begun_bytes):
                break
            if by_tenant[picture.tenant] < max(1, int(_TENANT_STATES * self._max_begun)):
                chosen.append(picture)
                count += 1
                by_tenant[picture.tenant] += 1
            else:
                held_bytes -= picture.state_bytes
        return chosen

    def _charge(self, parts: Iterable[tuple[str, int]], seconds: float) -> None:
        sums: Counter[str] = Counter()
        for tenant, part in parts:
            sums[tenant] += part
        paid_s = {tenant: seconds * part / sums.total() for tenant, part in sums.items()}
        self._tenants.charge(paid_s, wanting={picture.tenant for picture in self._pictures.values()})


def _deadline(picture: Picture[StateT]) -> float:
    return picture.deadline_s


def _is_sorted(pictures: list[Picture[StateT]]) -> bool:
    deadlines = [picture.deadline_s for picture in pictures]
    return deadlines == sorted(deadlines)
