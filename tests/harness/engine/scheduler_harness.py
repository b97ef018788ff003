"""A scheduler driven without a worker, for tests of its decisions."""

from __future__ import annotations

import math
from collections import Counter

from pipelines.fake import FakePipeline, FakeState
from service.engine.costs.cost_model import CostModel, CostTable
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from tests.harness.engine.worker_harness import CALL_S, flat_costs, make_params

MAX_ROWS = 5
MAX_BEGUN = 7
MAX_DECODE = 2
PIPELINE = FakePipeline()


class SchedulerHarness:
    """A scheduler with a simulated worker. Calls and decodes advance the clock by what the cost model says."""

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
        """Image width of each call."""
        self.decodes: list[int] = []
        """Number of images of each decode."""
        self.served_s: dict[str, float] = {}
        """Device seconds of each tenant in UNet calls."""

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
        """Adds a new image. Both deadlines are seconds from now."""
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
        """Removes an image that has ended or was canceled."""
        self.scheduler.remove(image)
        self.open.remove(image)
        self.ended[image.id] += 1

    def turn(self) -> list[ScheduledImage[FakeState]]:
        """Plays one turn of the worker's loop. Returns the images of the UNet call."""
        for image in self.scheduler.expire_and_demote(self.now_s):
            self.late.append(image)
            self.end(image)
        for image in self.scheduler.choose_begin(self.now_s):
            image.state = PIPELINE.begin(image.params, [b""] * len(image.params.texts))
            self.scheduler.begin(image)
        batch = self.scheduler.choose_call(self.now_s)
        if batch:
            self._call(batch)
        decode = self.scheduler.choose_decode()
        if decode:
            self._decode(decode)
        return batch

    def run(self) -> None:
        """Plays turns until every image has ended."""
        while self.open:
            self.turn()

    def _call(self, batch: list[ScheduledImage[FakeState]]) -> None:
        tenant_rows = [(image.tenant, image.rows) for image in batch]
        rows = sum(rows for _, rows in tenant_rows)
        assert len({image.id for image in batch}) == len(batch)
        assert rows <= self.cost.knee(batch[0].size)
        assert len({image.next_call.key for image in batch}) == 1
        assert all(self.now_s + image.calls_left * CALL_S <= image.deadline_s for image in batch), "no step is wasted"
        for image in batch:
            PIPELINE.advance([image.begun_state], [b""])
            if image.finished:
                self.scheduler.finish(image)
        seconds = self.cost.call_s(batch[0].size, rows)
        self.now_s += seconds
        self.widths.append(batch[0].params.width)
        self.scheduler.charge_call(tenant_rows, seconds)
        for tenant, image_rows in tenant_rows:
            self.served_s[tenant] = self.served_s.get(tenant, 0.0) + seconds * image_rows / rows

    def _decode(self, images: list[ScheduledImage[FakeState]]) -> None:
        assert len({image.size for image in images}) == 1
        assert len(images) <= MAX_DECODE
        seconds = self.cost.decode_s(images[0].size, len(images))
        self.now_s += seconds
        self.decodes.append(len(images))
        self.scheduler.charge_decode(images, seconds)
        for image in images:
            self.end(image)
