"""A scheduler driven without a worker, for the tests of what it decides."""

from __future__ import annotations

import math
from collections import Counter

from pipelines.fake import FakePipeline, FakeState
from service.engine.costs.cost_model import CostModel, CostTable
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from tests.harness.worker_harness import CALL_S, flat_costs, make_params

MAX_ROWS = 5
MAX_BEGUN = 7
MAX_DECODE = 2
PIPELINE = FakePipeline()


class SchedulerHarness:
    """A scheduler, and the worker's part played out on it: by a clock that calls and decodes move as the costs say."""

    def __init__(
        self, costs: CostTable | None = None, *, max_begun: int = MAX_BEGUN, max_begun_bytes: int = 1 << 40
    ) -> None:
        self.cost = CostModel(costs or flat_costs(MAX_ROWS), max_rows=MAX_ROWS, max_decode=MAX_DECODE)
        self.scheduler: Scheduler[FakeState] = Scheduler(
            self.cost, max_begun=max_begun, max_begun_bytes=max_begun_bytes, max_decode=MAX_DECODE
        )
        self.now_s = 0.0
        self.added = 0
        self.open: list[ScheduledImage[FakeState]] = []
        self.ended: Counter[str] = Counter()
        self.late: list[ScheduledImage[FakeState]] = []
        self.widths: list[int] = []
        """Of the calls made."""
        self.decodes: list[int] = []
        """Images in the decodes made."""
        self.had_s: dict[str, float] = {}
        """Device time of each tenant."""

    def add(
        self,
        *,
        steps: int = 4,
        width: int = 64,
        guidance_scale: float = 4.0,
        virtual_deadline_s: float = 1.0,
        deadline_s: float = math.inf,
        tenant: str = "",
        state_bytes: int = 0,
    ) -> ScheduledImage[FakeState]:
        """Both deadlines count from now."""
        self.added += 1
        params = make_params(steps=steps, width=width, guidance_scale=guidance_scale)
        image: ScheduledImage[FakeState] = ScheduledImage(
            id=str(self.added),
            params=params,
            tenant=tenant,
            arrived_s=self.now_s,
            virtual_deadline_s=self.now_s + min(virtual_deadline_s, deadline_s),
            deadline_s=self.now_s + deadline_s,
            solo_s=self.cost.solo_s(params),
            state_bytes=state_bytes,
        )
        self.scheduler.add(image)
        self.open.append(image)
        return image

    def end(self, image: ScheduledImage[FakeState]) -> None:
        self.scheduler.remove(image)
        self.open.remove(image)
        self.ended[image.id] += 1

    def turn(self) -> list[ScheduledImage[FakeState]]:
        """Give up, begin, call and decode what the scheduler chooses; the images of the call."""
        for image in self.scheduler.expire_and_demote(self.now_s):
            self.late.append(image)
            self.end(image)
        for image in self.scheduler.choose_begin(self.now_s):
            image.state = PIPELINE.begin(image.params, [b""] * len(image.params.texts))
            self.scheduler.begin(image)
        call = self.scheduler.choose_call(self.now_s)
        if call:
            self._make(call)
        decode = self.scheduler.choose_decode()
        if decode:
            self._decode(decode)
        return call

    def run(self) -> None:
        while self.open:
            self.turn()

    def _make(self, call: list[ScheduledImage[FakeState]]) -> None:
        shares = [(image.tenant, image.rows) for image in call]
        rows = sum(rows for _, rows in shares)
        assert len({image.id for image in call}) == len(call)
        assert rows <= self.cost.knee(call[0].size)
        assert len({image.next_call.key for image in call}) == 1
        assert all(self.now_s + image.calls_left * CALL_S <= image.deadline_s for image in call), "no step is wasted"
        for image in call:
            PIPELINE.advance(image.begun, b"")
            if image.finished:
                self.scheduler.finish(image)
        seconds = self.cost.call_s(call[0].size, rows)
        self.now_s += seconds
        self.widths.append(call[0].params.width)
        self.scheduler.charge_call(shares, seconds)
        for tenant, part in shares:
            self.had_s[tenant] = self.had_s.get(tenant, 0.0) + seconds * part / rows

    def _decode(self, images: list[ScheduledImage[FakeState]]) -> None:
        assert len({image.size for image in images}) == 1
        assert len(images) <= MAX_DECODE
        seconds = self.cost.decode_s(images[0].size, len(images))
        self.now_s += seconds
        self.decodes.append(len(images))
        self.scheduler.charge_decode(images, seconds)
        for image in images:
            self.end(image)
