"""Decides which images share the worker's next call, of whichever stage, and which images are given up.

Runs in the worker's process. Every decision is a pure function of the images, the cost model and the time that is
passed in. There is one order for all stages: tenants take turns by the device time that they have had, and within a
tenant the virtual deadline decides. A virtual deadline does not move with the time, so every waiting image gets its
turn. docs/scheduling.md gives the reasons.
"""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic

from pipelines.interface import NextCall, Stage, StateT
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.arrivals import Arrivals
from service.engine.scheduling.batch_former import Batch, BatchBuilder, form_batch
from service.engine.scheduling.fair_share import EQUAL, FairShare
from service.engine.scheduling.forecast import Forecast, min_remaining_s
from service.engine.scheduling.image import Group, ScheduledImage
from service.engine.scheduling.residency import Demand, Turn
from service.engine.scheduling.state_room import StateRoom

_IN_ORDER: Final = frozenset(Stage)


def _no_padding(_: int) -> int:
    return 0


def _always(_: str) -> bool:
    return True


class Scheduler(Generic[StateT]):
    """Holds the worker's images in groups that may share a call, and in each group by tenant and virtual deadline."""

    def __init__(
        self,
        cost: CostModel,
        *,
        max_state_bytes: int,
        padded_rows: Callable[[int], int] = _no_padding,
        beside: frozenset[Stage] = frozenset(),
        model_may_begin: Callable[[str], bool] = _always,
        shares: Mapping[str, float] = EQUAL,
    ) -> None:
        """`max_state_bytes` bounds the states of begun images. `padded_rows` returns the padding of a UNet call.

        Calls of the stages in `beside` run beside other calls of the device: `choose_beside` chooses them.
        `model_may_begin` tells whether images of the model with this name may begin now, that is whether it is resident
        and stays so. `shares` holds the weights of tenants for `FairShare`.
        """
        self._cost = cost
        self._max_state_bytes = max_state_bytes
        self._padded_rows = padded_rows
        self._beside = beside
        self._model_may_begin = model_may_begin
        self._images: dict[str, ScheduledImage[StateT]] = {}
        self._groups: dict[Group, dict[str, list[ScheduledImage[StateT]]]] = {}
        """Runnable images by group and tenant, in order of virtual deadline."""
        self._places: dict[str, Group] = {}
        """The group in which each runnable image is held, by id."""
        self._fair_share = FairShare(shares)
        self._arrivals = Arrivals()

    @property
    def waiting(self) -> int:
        """Number of images that have not begun."""
        return sum(image.state is None for image in self._images.values())

    @property
    def begun(self) -> int:
        """Number of images that hold a state."""
        return len(self._images) - self.waiting

    @property
    def runnable(self) -> bool:
        """Whether there is an image that has begun or whose model lets it begin."""
        return any(self._may_run(image) for image in self._images.values())

    @property
    def idle(self) -> bool:
        """Whether there is no image."""
        return not self._images

    def __iter__(self) -> Iterator[ScheduledImage[StateT]]:
        return iter(self._images.values())

    def oldest_wait_s(self, now_s: float) -> float:
        """Returns how long the longest-waiting image has waited to begin; 0 where none waits."""
        return max((now_s - image.arrived_s for image in self._images.values() if image.state is None), default=0.0)

    def get(self, image_id: str) -> ScheduledImage[StateT] | None:
        return self._images.get(image_id)

    def add(self, image: ScheduledImage[StateT]) -> None:
        assert image.id not in self._images, "an image is added once"
        self._images[image.id] = image
        self._arrivals.add(image, self._cost.price_s(image.plan))
        self._put(image)

    def remove(self, image: ScheduledImage[StateT]) -> None:
        """Removes an image that has ended or was canceled, whatever its position."""
        del self._images[image.id]
        self._take(image)

    def hold(self, images: Iterable[ScheduledImage[StateT]]) -> None:
        """Keeps images out of further calls until `update`, because their present call decides the next."""
        for image in images:
            self._take(image)

    def update(self, image: ScheduledImage[StateT]) -> None:
        """Moves an image to the group of its next call after that has changed."""
        if self._places.get(image.id) != image.group:
            self._take(image)
            self._put(image)

    def expire_and_demote(self, now_s: float) -> list[ScheduledImage[StateT]]:
        """Applies the passage of time. Returns the images that would miss their caller's deadline even alone on the
        device; the caller fails them. An image whose decode is under way is left alone.

        An image that would miss its virtual deadline even alone moves once, behind those that can still meet theirs.
        """
        tight = [
            image
            for image in self._images.values()
            if min(image.virtual_deadline_s, image.deadline_s) < now_s + image.solo_s and not image.decoding
        ]
        earliest_end_s = {image: now_s + min_remaining_s(image, self._cost) for image in tight}
        for image in tight:
            if image.virtual_deadline_s < earliest_end_s[image] and not image.demoted:
                self._demote(image)
        return [image for image in tight if image.deadline_s < earliest_end_s[image]]

    def choose(self, now_s: float, *, may_begin: bool = True) -> Batch[StateT] | None:
        """Returns the next call in the order, or None where no image is runnable.

        Without `may_begin` only images that hold a state are runnable.
        """
        return self._choose(_IN_ORDER - self._beside, now_s, may_begin)

    def choose_beside(self, now_s: float) -> Batch[StateT] | None:
        """Returns the next call of the stages that run beside the others, or None where there is none."""
        return self._choose(self._beside, now_s, may_begin=False) if self._beside else None

    def charge(self, parts: Iterable[tuple[str, int]], seconds: float) -> None:
        """Charges a call to tenants. `parts` holds the tenant and the rows of each image in the call."""
        rows: Counter[str] = Counter()
        for tenant, part in parts:
            rows[tenant] += part
        served_s = {tenant: seconds * part / rows.total() for tenant, part in rows.items()}
        # A tenant whose images all wait for a model saves up no credit meanwhile.
        backlogged = {image.tenant for image in self._images.values() if self._may_run(image)}
        self._fair_share.charge(served_s, backlogged)

    def demands(self) -> dict[str, Demand]:
        """Returns the images' demand for each model that they need, by name."""
        begun: Counter[str] = Counter()
        first: dict[str, ScheduledImage[StateT]] = {}
        for image in self._images.values():
            if image.state is not None:
                begun[image.model] += 1
            elif image.model not in first or self._turn(image) < self._turn(first[image.model]):
                first[image.model] = image
        return {
            model: Demand(
                begun=begun[model],
                first=self._turn(first[model]) if model in first else None,
                first_tenant=first[model].tenant if model in first else "",
            )
            for model in {*begun, *first}
        }

    def etas_s(self, now_s: float) -> dict[str, float]:
        """Returns the estimated seconds until each image is finished, by id, if nothing arrives."""
        images = self._images.values()
        return Forecast(images, self._fair_share, self._cost, self._padded_rows, self._beside, now_s).run()

    def alone_s(self, image: ScheduledImage[StateT]) -> float:
        """Returns the seconds that the image would take from now on with the device to itself."""
        return min_remaining_s(image, self._cost)

    def with_arrivals_s(self, image: ScheduledImage[StateT], eta_s: float, now_s: float) -> float:
        """Returns an image's estimate, lengthened by the expected arrivals that will be served before it."""
        if image.prediction is None:
            image.prediction = self._arrivals.predict(eta_s, now_s, image.virtual_deadline_at_s)
        return self._arrivals.put_back_s(eta_s, now_s, image.virtual_deadline_at_s)

    def learn_end(self, image: ScheduledImage[StateT], now_s: float) -> None:
        """Learns from a finished image how long arrivals delay images."""
        if image.prediction is not None:
            self._arrivals.learn(image.prediction, now_s)

    def check_integrity(self) -> None:
        """Checks the invariants that hold between any two decisions. Raises AssertionError where one does not."""
        held = {
            image.id: group for group, queues in self._groups.items() for queue in queues.values() for image in queue
        }
        assert held == self._places, "each runnable image is in one group"
        assert set(held) <= set(self._images)
        for group, queues in self._groups.items():
            assert queues, "no group is empty"
            for tenant, queue in queues.items():
                assert queue, "no queue is empty"
                assert all(image.group == group and image.tenant == tenant for image in queue)
                deadlines = [image.virtual_deadline_s for image in queue]
                assert deadlines == sorted(deadlines), "a queue is in order of virtual deadline"

    def _choose(self, stages: frozenset[Stage], now_s: float, may_begin: bool) -> Batch[StateT] | None:
        room = StateRoom(
            self._images.values(),
            self._max_state_bytes,
            may_begin=lambda image: may_begin and self._model_may_begin(image.model),
        )
        head = self._head(stages, room)
        if head is None:
            return None
        padded_rows = self._padded_rows if head.target.key.stage is Stage.DENOISE else _no_padding
        builder: BatchBuilder[StateT] = BatchBuilder(self._cost, head.target.cost, room, padded_rows, now_s)
        images = form_batch(head, self._groups[head.group], self._fair_share, builder)
        unprepared = [image for image in images if image.preparing_calls]
        if unprepared:
            return self._preparing(unprepared)
        return _batch(images, [image.target for image in images])

    def _preparing(self, images: list[ScheduledImage[StateT]]) -> Batch[StateT]:
        """Returns the call that encodes the texts or input of the first of these images, and of as many others as need
        the same kind of call, up to the knee."""
        images = [image for image in images if image.next_call.key == images[0].next_call.key]
        calls = [image.next_call for image in images]
        knee, rows, count = self._cost.knee(calls[0].cost), calls[0].rows, 1
        while count < len(images) and rows + calls[count].rows <= knee:
            rows += calls[count].rows
            count += 1
        return _batch(images[:count], calls[:count])

    def _head(self, stages: frozenset[Stage], room: StateRoom) -> ScheduledImage[StateT] | None:
        """Returns the most urgent runnable image whose target belongs to these stages."""
        heads: list[ScheduledImage[StateT]] = []
        for group, queues in self._groups.items():
            if group.key.stage in stages:
                firsts = (next(filter(room.admits_head, queue), None) for queue in queues.values())
                heads.extend(image for image in firsts if image is not None)
        return min(heads, key=self._turn, default=None)

    def _may_run(self, image: ScheduledImage[StateT]) -> bool:
        return image.state is not None or self._model_may_begin(image.model)

    def _turn(self, image: ScheduledImage[StateT]) -> Turn:
        """Sort key: tenants by start tag, then images by virtual deadline."""
        return self._fair_share.start_tag_s(image.tenant), image.virtual_deadline_s

    def _demote(self, image: ScheduledImage[StateT]) -> None:
        is_held = image.id in self._places
        self._take(image)
        image.virtual_deadline_s, image.demoted = image.late_virtual_deadline_s, True
        if is_held:
            self._put(image)

    def _put(self, image: ScheduledImage[StateT]) -> None:
        group = self._places[image.id] = image.group
        queue = self._groups.setdefault(group, {}).setdefault(image.tenant, [])
        bisect.insort(queue, image, key=lambda other: other.virtual_deadline_s)

    def _take(self, image: ScheduledImage[StateT]) -> None:
        """Removes an image from its group, if it is in one."""
        group = self._places.pop(image.id, None)
        if group is None:
            return
        queues = self._groups[group]
        queues[image.tenant].remove(image)
        if not queues[image.tenant]:
            del queues[image.tenant]
        if not queues:
            del self._groups[group]


def _batch(images: Sequence[ScheduledImage[StateT]], calls: Sequence[NextCall]) -> Batch[StateT]:
    return Batch(images, calls[0].key, calls[0].cost, [call.rows for call in calls])
