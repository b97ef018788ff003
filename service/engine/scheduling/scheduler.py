"""Decides what the worker does next: which images begin, share the next UNet call, are decoded, are given up.

A pure function of the images, the cost model and the time passed in: no torch, no asyncio, no clock. Tenants take
turns by device time had; within a tenant the virtual deadline alone decides, and since it does not move on with the
time, waiting alone brings an image's turn. docs/scheduling.md says why.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Generic

from pipelines.interface import StateT
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling import eta
from service.engine.scheduling.batch_former import form_batch
from service.engine.scheduling.fair_share import FairShare
from service.engine.scheduling.image import ScheduledImage
from service.engine.types import Size

_DECODE_FACTOR: Final = 1.0
"""DecodeStage may have so many seconds for each that UNet calls have, while there is work for both."""
_DEMOTION_FACTOR: Final = 4.0
"""Factor on the time until its virtual deadline that an image gets which has missed that deadline."""
_TENANT_STATES: Final = 0.75
"""Share of the states that one tenant may hold, so that the next need not wait for an image of it to end."""


class Scheduler(Generic[StateT]):
    """Holds every image of the worker in exactly one of: waiting, denoising, finished (its decode is due)."""

    def __init__(self, cost: CostModel, *, max_begun: int, max_begun_bytes: int, max_decode: int) -> None:
        """`max_begun` and `max_begun_bytes` bound the states held, `max_decode` the images of a decode."""
        self._cost = cost
        self._max_begun = max_begun
        self._max_begun_bytes = max_begun_bytes
        self._max_decode = max_decode
        self._images: dict[str, ScheduledImage[StateT]] = {}
        self._waiting: list[ScheduledImage[StateT]] = []
        self._denoising: list[ScheduledImage[StateT]] = []
        self._finished: list[ScheduledImage[StateT]] = []
        """Oldest first."""
        self._tenants: FairShare[str] = FairShare()
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
        """How long the image has waited to begin that has waited longest; 0 where none waits."""
        return max((now_s - image.arrived_s for image in self._waiting), default=0.0)

    def get(self, image_id: str) -> ScheduledImage[StateT] | None:
        return self._images.get(image_id)

    def add(self, image: ScheduledImage[StateT]) -> None:
        assert image.id not in self._images, "an image is added once"
        self._images[image.id] = image
        bisect.insort(self._waiting, image, key=_virtual_deadline)

    def remove(self, image: ScheduledImage[StateT]) -> None:
        """Forget it, wherever it stands."""
        del self._images[image.id]
        for held in (self._waiting, self._denoising, self._finished):
            if image in held:
                held.remove(image)

    def expire_and_demote(self, now_s: float) -> list[ScheduledImage[StateT]]:
        """What the time that has passed means: gives the images that their caller's deadline will find unfinished,
        were the device theirs alone. What will miss its virtual deadline moves, once, behind what can still meet its.
        """
        tight = [image for image in self._images.values() if image.virtual_deadline_s < now_s + image.solo_s]
        soonest_s = {image: now_s + eta.soonest_s(image, self._cost) for image in tight}
        missing = [image for image in tight if image.virtual_deadline_s < soonest_s[image] and not image.demoted]
        for image in missing:
            image.demoted = True
            extended_s = _DEMOTION_FACTOR * (image.virtual_deadline_s - image.arrived_s)
            image.virtual_deadline_s = min(image.arrived_s + extended_s, image.deadline_s)
        if missing:
            self._waiting.sort(key=_virtual_deadline)
            self._denoising.sort(key=_virtual_deadline)
        return [image for image in tight if image.deadline_s < soonest_s[image]]

    def choose_begin(self, now_s: float) -> list[ScheduledImage[StateT]]:
        """Waiting images that the next call of their size would take, as far as states may be held."""
        newcomers = [
            image
            for size in {image.size for image in self._waiting}
            for image in form_batch(self._in_order(size), self._tenants, self._cost, now_s=now_s)
            if image.state is None
        ]
        newcomers.sort(key=lambda image: (self._tenants.of(image.tenant), image.virtual_deadline_s))
        return self._within_bounds(newcomers)

    def begin(self, image: ScheduledImage[StateT]) -> None:
        """It holds a state now and demands calls."""
        self._waiting.remove(image)
        bisect.insort(self._denoising, image, key=_virtual_deadline)

    def begin_again(self, image: ScheduledImage[StateT]) -> None:
        """It holds another state, with all of its calls to come."""
        (self._finished if image in self._finished else self._denoising).remove(image)
        bisect.insort(self._denoising, image, key=_virtual_deadline)

    def choose_call(self, now_s: float) -> list[ScheduledImage[StateT]]:
        """Images to share the next UNet call; none where nothing is denoised."""
        if not self._denoising:
            return []
        head = min(self._denoising, key=lambda image: (self._tenants.of(image.tenant), image.virtual_deadline_s))
        mates = [image for image in self._denoising if image.next_call.key == head.next_call.key]
        return form_batch(mates, self._tenants, self._cost, now_s=now_s)

    def charge_call(self, rows: Iterable[tuple[str, int]], seconds: float) -> None:
        """A call was made: each tenant pays by the rows that its images had in it."""
        self._call_s = seconds
        self._decode_debt_s = max(0.0, self._decode_debt_s - _DECODE_FACTOR * seconds)
        self._charge(rows, seconds)

    def finish(self, image: ScheduledImage[StateT]) -> None:
        """Its latents are finished."""
        self._denoising.remove(image)
        self._finished.append(image)

    def choose_decode(self) -> list[ScheduledImage[StateT]]:
        """Finished images of one size to decode now; none while UNet calls are owed the time of the last decode."""
        if not self._finished or (self._denoising and self._decode_debt_s > 0):
            return []
        size = self._finished[0].size
        batch = [image for image in self._finished if image.size == size][: self._max_decode]
        if self._denoising:
            while len(batch) > 1 and self._cost.decode_s(size, len(batch)) > _DECODE_FACTOR * self._call_s:
                batch.pop()
        return batch

    def charge_decode(self, images: Sequence[ScheduledImage[StateT]], seconds: float) -> None:
        """These images were decoded together."""
        # Where no call was held up, none is owed anything.
        self._decode_debt_s = self._decode_debt_s + seconds if self._denoising else 0.0
        self._charge(((image.tenant, 1) for image in images), seconds)

    def etas_s(self, images: Iterable[ScheduledImage[StateT]]) -> dict[ScheduledImage[StateT], float]:
        """Seconds until each of these should be finished."""
        rows: Counter[Size] = Counter()
        for image in self._denoising:
            rows[image.size] += image.rows
        round_s = sum(self._cost.call_s(size, min(count, self._cost.knee(size))) for size, count in rows.items())
        order = itertools.chain(self._finished, heapq.merge(self._denoising, self._waiting, key=_virtual_deadline))
        return eta.etas_s(images, order, self._cost, round_s=round_s)

    def check_integrity(self) -> None:
        """What holds between any two decisions; raises AssertionError where it does not."""
        held = [*self._waiting, *self._denoising, *self._finished]
        assert len(held) == len(self._images), "every image stands in one place"
        assert {id(image) for image in held} == {id(image) for image in self._images.values()}
        assert self.begun <= self._max_begun
        assert all(image.state is None for image in self._waiting)
        assert all(image.begun.next_call is not None for image in self._denoising)
        assert all(image.finished for image in self._finished)
        assert _is_sorted(self._waiting), "the order is the deadlines'"
        assert _is_sorted(self._denoising), "the order is the deadlines'"

    def _in_order(self, size: Size) -> Iterable[ScheduledImage[StateT]]:
        images = heapq.merge(self._denoising, self._waiting, key=_virtual_deadline)
        return (image for image in images if image.size == size)

    def _within_bounds(self, newcomers: Iterable[ScheduledImage[StateT]]) -> list[ScheduledImage[StateT]]:
        """As many as states may be held, in order; an idle worker takes one however large."""
        held = [*self._denoising, *self._finished]
        count, held_bytes = len(held), sum(image.state_bytes for image in held)
        by_tenant = Counter(image.tenant for image in held)
        chosen: list[ScheduledImage[StateT]] = []
        for image in newcomers:
            held_bytes += image.state_bytes
            if count == self._max_begun or (count and held_bytes > self._max_begun_bytes):
                break
            if by_tenant[image.tenant] < max(1, int(_TENANT_STATES * self._max_begun)):
                chosen.append(image)
                count += 1
                by_tenant[image.tenant] += 1
            else:
                held_bytes -= image.state_bytes
        return chosen

    def _charge(self, parts: Iterable[tuple[str, int]], seconds: float) -> None:
        sums: Counter[str] = Counter()
        for tenant, part in parts:
            sums[tenant] += part
        paid_s = {tenant: seconds * part / sums.total() for tenant, part in sums.items()}
        self._tenants.charge(paid_s, wanting={image.tenant for image in self._images.values()})


def _virtual_deadline(image: ScheduledImage[StateT]) -> float:
    return image.virtual_deadline_s


def _is_sorted(images: list[ScheduledImage[StateT]]) -> bool:
    deadlines = [image.virtual_deadline_s for image in images]
    return deadlines == sorted(deadlines)
