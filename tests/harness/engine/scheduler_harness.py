"""A scheduler driven without a worker, for tests of its decisions."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from pipelines import work_plan
from pipelines.fake import INFO, FakePipeline, FakeState
from pipelines.interface import UPSCALE, BatchKey, Stage
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.scheduling.batch_former import Batch
from service.engine.scheduling.fair_share import EQUAL
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from tests.harness.engine import uploads
from tests.harness.engine.worker_harness import CALL_S, flat_costs, make_params

MAX_ROWS = 5
MAX_DECODE = 2
MAX_TEXTS = 4
PIPELINE = FakePipeline()


class SchedulerHarness:
    """A scheduler with a simulated worker. Every call advances the clock by what the cost model says."""

    def __init__(
        self,
        costs: CostTable | None = None,
        *,
        max_state_bytes: int = 1 << 40,
        beside: frozenset[Stage] = frozenset(),
        padded_to: int = 1,
        knows_texts: bool = True,
        cost_model: type[CostModel] = CostModel,
        shares: Mapping[str, float] = EQUAL,
    ) -> None:
        """`padded_to` is the multiple to which UNet calls are padded; `knows_texts` leaves no texts to encode."""
        self.cost = cost_model(
            costs or flat_costs(MAX_ROWS),
            max_counts={
                Stage.TEXT: MAX_TEXTS,
                Stage.INPUT: MAX_DECODE,
                Stage.DENOISE: MAX_ROWS,
                Stage.DECODE: MAX_DECODE,
            },
        )
        self.scheduler: Scheduler[FakeState] = Scheduler(
            self.cost,
            max_state_bytes=max_state_bytes,
            beside=beside,
            padded_rows=lambda rows: -rows % padded_to,
            shares=shares,
        )
        self._knows_texts = knows_texts
        self.now_s = 0.0
        self.added = 0
        self.open: list[ScheduledImage[FakeState]] = []
        self.ended: Counter[str] = Counter()
        self.late: list[ScheduledImage[FakeState]] = []
        self.made: list[Batch[FakeState]] = []
        """All calls."""
        self.served_s: defaultdict[str, float] = defaultdict(float)
        """Device seconds of each tenant."""

    def add(
        self,
        *,
        steps: int = 4,
        width: int = 64,
        guidance_scale: float = 4.0,
        virtual_deadline_s: float = 1.0,
        deadline_s: float = math.inf,
        tenant: str = "",
        isolation: str = "",
        state_bytes: int = 0,
        **start: Any,
    ) -> ScheduledImage[FakeState]:
        """Adds a new image. Both deadlines are seconds from now. `start` names what it starts from, in its params."""
        self.added += 1
        params = make_params(steps=steps, width=width, guidance_scale=guidance_scale, **start)
        plan = dataclasses.replace(work_plan.plan(INFO, params), state_bytes=state_bytes)
        image: ScheduledImage[FakeState] = ScheduledImage(
            id=str(self.added),
            params=params,
            plan=plan,
            tenant=tenant,
            isolation=isolation,
            arrived_s=self.now_s,
            virtual_deadline_s=self.now_s + virtual_deadline_s,
            deadline_s=self.now_s + deadline_s,
            solo_s=self.cost.solo_s(plan),
            text_call=None if self._knows_texts else plan.calls[0],
            input_call=plan.calls[1] if params.pixels else None,
        )
        self.scheduler.add(image)
        self.open.append(image)
        return image

    def end(self, image: ScheduledImage[FakeState]) -> None:
        """Removes an image that has ended or was canceled."""
        self.scheduler.remove(image)
        self.open.remove(image)
        self.ended[image.id] += 1

    def play(self) -> Batch[FakeState] | None:
        """Plays the next call, of whichever stage."""
        for image in self.scheduler.expire_and_demote(self.now_s):
            self.late.append(image)
            self.end(image)
        batch = self.scheduler.choose(self.now_s)
        if batch is not None:
            self._make(batch)
        return batch

    def turn(self) -> list[ScheduledImage[FakeState]]:
        """Plays calls until one was a UNet call, and returns its images; none where no image is left."""
        while (batch := self.play()) is not None:
            if batch.key.stage is Stage.DENOISE:
                return list(batch.images)
        return []

    def run(self) -> None:
        """Plays calls until every image has ended."""
        while self.open:
            self.play()

    def calls(self, stage: Stage) -> list[Batch[FakeState]]:
        return [batch for batch in self.made if batch.key.stage is stage]

    def _make(self, batch: Batch[FakeState]) -> None:
        assert len(set(batch.images)) == len(batch.images)
        assert len({(image.next_call.key, image.isolation) for image in batch.images}) == 1
        if batch.rows > max(batch.rows_of):
            assert batch.rows <= self.cost.knee(batch.cost), "only a single image may exceed the knee"
        seconds = self.cost.seconds(batch.cost, batch.rows)
        self.now_s += seconds
        self.made.append(batch)
        for image in batch.images:
            self._move(image, batch.key)
        parts = [(image.tenant, rows) for image, rows in zip(batch.images, batch.rows_of, strict=True)]
        self.scheduler.charge(parts, seconds)
        for tenant, rows in parts:
            self.served_s[tenant] += seconds * rows / batch.rows

    def _move(self, image: ScheduledImage[FakeState], key: BatchKey) -> None:
        match key.stage:
            case Stage.TEXT:
                image.text_call = None
            case Stage.INPUT if key.phase == UPSCALE:
                PIPELINE.upscale([image.begun_state])
                self.scheduler.update(image)
            case Stage.INPUT:
                image.input_call, image.encoded = None, uploads.encode(PIPELINE, image.params)
            case Stage.DENOISE:
                left_s = image.target.calls_left * CALL_S
                assert self.now_s - CALL_S + left_s <= image.deadline_s + 1e-9, "no step is wasted"
                if image.state is None:
                    image.state = PIPELINE.begin(image.params, [b""] * len(PIPELINE.texts(image.params)), image.encoded)
                PIPELINE.advance([image.state], [b""])
                self.scheduler.update(image)
            case Stage.DECODE:
                self.end(image)
