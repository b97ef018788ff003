"""Decides what the worker does next: which images begin, share the next UNet call, are decoded, or are given up.

Runs in the worker's process. Every decision is a pure function of the images, the cost model and the time that is
passed in. Tenants take turns by the device time that they have had; within a tenant the virtual deadline decides. A
virtual deadline does not move with the time, so waiting alone brings an image's turn. docs/scheduling.md gives the
reasons.
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
"""Seconds that decodes may take for each second of UNet calls while there is work for both."""
_DEMOTION_FACTOR: Final = 4.0
"""Factor by which the time until a missed virtual deadline is extended."""
_MAX_TENANT_STATES: Final = 0.75
"""Fraction of the states that one tenant may hold, so that the next tenant can begin without waiting for an end."""


class Scheduler(Generic[StateT]):
    """Holds each of the worker's images in one of three places: waiting, denoising, finished (its decode is due)."""

    def __init__(self, cost: CostModel, *, max_begun: int, max_begun_bytes: int, max_decode: int) -> None:
        """`max_begun` and `max_begun_bytes` bound the states that are held, `max_decode` the images of a decode."""
        self._cost = cost
        self._max_begun = max_begun
        self._max_begun_bytes = max_begun_bytes
        self._max_decode = max_decode
        self._images: dict[str, ScheduledImage[StateT]] = {}
        self._waiting: list[ScheduledImage[StateT]] = []
        self._denoising: list[ScheduledImage[StateT]] = []
        self._finished: list[ScheduledImage[StateT]] = []
        """Oldest first; the other two lists are in order of virtual deadline."""
        self._fair_share = FairShare()
        self._call_s = 0.0
        """Seconds of the last UNet call."""
        self._decode_debt_s = 0.0
        """Seconds that decodes have taken and UNet calls must get before the next decode."""

    @property
    def waiting(self) -> int:
        """Number of images that have not begun."""
        return len(self._waiting)

    @property
    def denoising(self) -> int:
        """Number of images that have UNet calls to come."""
        return len(self._denoising)

    @property
    def begun(self) -> int:
        """Number of images that hold a state."""
        return len(self._denoising) + len(self._finished)

    def oldest_wait_s(self, now_s: float) -> float:
        """Returns how long the longest-waiting image has waited to begin; 0 where none waits."""
        return max((now_s - image.arrived_s for image in self._waiting), default=0.0)

    def get(self, image_id: str) -> ScheduledImage[StateT] | None:
        return self._images.get(image_id)

    def add(self, image: ScheduledImage[StateT]) -> None:
        assert image.id not in self._images, "an image is added once"
        self._images[image.id] = image
        bisect.insort(self._waiting, image, key=_virtual_deadline)

    def remove(self, image: ScheduledImage[StateT]) -> None:
        """Removes an image that has ended or was canceled, whatever its position."""
        del self._images[image.id]
        for held in (self._waiting, self._denoising, self._finished):
            if image in held:
                held.remove(image)

    def expire_and_demote(self, now_s: float) -> list[ScheduledImage[StateT]]:
        """Applies the passage of time. Returns the images that would miss their caller's deadline even alone on the
        device; the caller fails them.

        An image that would miss its virtual deadline even alone moves once, behind those that can still meet theirs.
        """
        tight = [image for image in self._images.values() if image.virtual_deadline_s < now_s + image.solo_s]
        earliest_end_s = {image: now_s + eta.min_remaining_s(image, self._cost) for image in tight}
        late = [image for image in tight if image.virtual_deadline_s < earliest_end_s[image] and not image.demoted]
        for image in late:
            image.demoted = True
            extended_s = _DEMOTION_FACTOR * (image.virtual_deadline_s - image.arrived_s)
            image.virtual_deadline_s = min(image.arrived_s + extended_s, image.deadline_s)
        if late:
            self._waiting.sort(key=_virtual_deadline)
            self._denoising.sort(key=_virtual_deadline)
        return [image for image in tight if image.deadline_s < earliest_end_s[image]]

    def choose_begin(self, now_s: float) -> list[ScheduledImage[StateT]]:
        """Returns the waiting images that belong in the next call of their size and whose states may be held."""
        newcomers = [
            image
            for size, isolation in {(image.size, image.isolation) for image in self._waiting}
            for image in form_batch(self._in_order(size, isolation), self._fair_share, self._cost, now_s=now_s)
            if image.state is None
        ]
        newcomers.sort(key=self._turn)
        return self._within_bounds(newcomers)

    def begin(self, image: ScheduledImage[StateT]) -> None:
        """Moves a waiting image, which holds a state now, to those that are denoised."""
        self._waiting.remove(image)
        bisect.insort(self._denoising, image, key=_virtual_deadline)

    def restart(self, image: ScheduledImage[StateT]) -> None:
        """Moves an image whose state was replaced by a new one back to those that are denoised."""
        (self._finished if image in self._finished else self._denoising).remove(image)
        bisect.insort(self._denoising, image, key=_virtual_deadline)

    def choose_call(self, now_s: float) -> list[ScheduledImage[StateT]]:
        """Returns the images that share the next UNet call, or none where nothing is denoised."""
        if not self._denoising:
            return []
        head = min(self._denoising, key=self._turn)
        candidates = [
            image
            for image in self._denoising
            if image.next_call.key == head.next_call.key and image.isolation == head.isolation
        ]
        return form_batch(candidates, self._fair_share, self._cost, now_s=now_s)

    def charge_call(self, rows: Iterable[tuple[str, int]], seconds: float) -> None:
        """Charges a UNet call to tenants. `rows` holds the tenant and the row count of each image in the call."""
        self._call_s = seconds
        self._decode_debt_s = max(0.0, self._decode_debt_s - _DECODE_FACTOR * seconds)
        self._charge(rows, seconds)

    def finish(self, image: ScheduledImage[StateT]) -> None:
        """Moves an image whose latents are finished to those that wait for their decode."""
        self._denoising.remove(image)
        self._finished.append(image)

    def choose_decode(self) -> list[ScheduledImage[StateT]]:
        """Returns finished images that may be decoded together now. None while UNet calls are owed the last decode's
        time."""
        if not self._finished or (self._denoising and self._decode_debt_s > 0):
            return []
        size, isolation = self._finished[0].size, self._finished[0].isolation
        batch = [image for image in self._finished if (image.size, image.isolation) == (size, isolation)]
        del batch[self._max_decode :]
        if self._denoising:
            while len(batch) > 1 and self._cost.decode_s(size, len(batch)) > _DECODE_FACTOR * self._call_s:
                batch.pop()
        return batch

    def charge_decode(self, images: Sequence[ScheduledImage[StateT]], seconds: float) -> None:
        """Charges a decode of these images to their tenants."""
        # A decode beside which nothing was denoised delayed no UNet call, so it leaves no debt.
        self._decode_debt_s = self._decode_debt_s + seconds if self._denoising else 0.0
        self._charge(((image.tenant, 1) for image in images), seconds)

    def etas_s(self, images: Iterable[ScheduledImage[StateT]]) -> dict[ScheduledImage[StateT], float]:
        """Returns the estimated seconds until each of these images is finished."""
        rows: Counter[Size] = Counter()
        for image in self._denoising:
            rows[image.size] += image.rows
        round_s = sum(self._cost.call_s(size, min(count, self._cost.knee(size))) for size, count in rows.items())
        order = itertools.chain(self._finished, heapq.merge(self._denoising, self._waiting, key=_virtual_deadline))
        return eta.etas_s(images, order, self._cost, round_s=round_s)

    def check_integrity(self) -> None:
        """Checks the invariants that hold between any two decisions. Raises AssertionError where one does not."""
        held = [*self._waiting, *self._denoising, *self._finished]
        assert len(held) == len(self._images), "each image is in one place"
        assert {id(image) for image in held} == {id(image) for image in self._images.values()}
        assert self.begun <= self._max_begun
        assert all(image.state is None for image in self._waiting)
        assert all(image.begun_state.next_call is not None for image in self._denoising)
        assert all(image.finished for image in self._finished)
        assert _is_sorted(self._waiting), "waiting images are in order of virtual deadline"
        assert _is_sorted(self._denoising), "denoised images are in order of virtual deadline"

    def _turn(self, image: ScheduledImage[StateT]) -> tuple[float, float]:
        """Sort key: tenants by start tag, then images by virtual deadline."""
        return self._fair_share.start_tag_s(image.tenant), image.virtual_deadline_s

    def _in_order(self, size: Size, isolation: str) -> Iterable[ScheduledImage[StateT]]:
        images = heapq.merge(self._denoising, self._waiting, key=_virtual_deadline)
        return (image for image in images if image.size == size and image.isolation == isolation)

    def _within_bounds(self, newcomers: Iterable[ScheduledImage[StateT]]) -> list[ScheduledImage[StateT]]:
        """Returns the newcomers, in order, whose states may be held. An idle worker takes one image of any size."""
        held = [*self._denoising, *self._finished]
        count, held_bytes = len(held), sum(image.state_bytes for image in held)
        by_tenant = Counter(image.tenant for image in held)
        chosen: list[ScheduledImage[StateT]] = []
        for image in newcomers:
            held_bytes += image.state_bytes
            if count == self._max_begun or (count and held_bytes > self._max_begun_bytes):
                break
            if by_tenant[image.tenant] < max(1, int(_MAX_TENANT_STATES * self._max_begun)):
                chosen.append(image)
                count += 1
                by_tenant[image.tenant] += 1
            else:
                held_bytes -= image.state_bytes
        return chosen

    def _charge(self, parts: Iterable[tuple[str, int]], seconds: float) -> None:
        """Splits the seconds between tenants in proportion to their parts."""
        sums: Counter[str] = Counter()
        for tenant, part in parts:
            sums[tenant] += part
        served_s = {tenant: seconds * part / sums.total() for tenant, part in sums.items()}
        self._fair_share.charge(served_s, backlogged={image.tenant for image in self._images.values()})


def _virtual_deadline(image: ScheduledImage[StateT]) -> float:
    return image.virtual_deadline_s


def _is_sorted(images: list[ScheduledImage[StateT]]) -> bool:
    deadlines = [image.virtual_deadline_s for image in images]
    return deadlines == sorted(deadlines)
