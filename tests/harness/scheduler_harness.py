"""A scheduler driven without a worker, for the tests of what it decides."""

from __future__ import annotations

import math
from collections import Counter

from pipelines.fake import FakePipeline, FakeState
from service.engine.costs.cost_model import CostModel, CostTable
from service.engine.scheduling.image import Picture
from service.engine.scheduling.scheduler import Scheduler
from tests.harness.worker_harness import CALL_S, flat_costs, make_params

MAX_ROWS = 5
MAX_BEGUN = 7
MAX_DECODE = 2
PIPELINE = FakePipeline()


class Lane:
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
        self.open: list[Picture[FakeState]] = []
        self.ended: Counter[str] = Counter()
        self.late: list[Picture[FakeState]] = []
        self.widths: list[int] = []
        """Of the calls made."""
        self.decodes: list[int] = []
        """Pictures in the decodes made."""
        self.had_s: dict[str, float] = {}
        """Device time of each tenant."""

    def add(
        self,
        *,
        steps: int = 4,
        width: int = 64,
        guidance_scale: float = 4.0,
        deadline_s: float = 1.0,
        due_s: float = math.inf,
        tenant: str = "",
        state_bytes: int = 0,
    ) -> Picture[FakeState]:
        """Both deadlines count from now."""
        self.added += 1
        params = make_params(steps=steps, width=width, guidance_scale=guidance_scale)
        picture: Picture[FakeState] = Picture(
            id=str(self.added),
            params=params,
            tenant=tenant,
            arrived_s=self.now_s,
            deadline_s=self.now_s + min(deadline_s, due_s),
            due_s=self.now_s + due_s,
            solo_s=self.cost.solo_s(params),
            state_bytes=state_bytes,
        )
        self.scheduler.add(picture)
        self.open.append(picture)
        return picture

    def end(self, picture: Picture[FakeState]) -> None:
        self.scheduler.remove(picture)
        self.open.remove(picture)
        self.ended[picture.id] += 1

    def turn(self) -> list[Picture[FakeState]]:
        """Give up, begin, call and decode what the scheduler chooses; the pictures of the call."""
        for picture in self.scheduler.review(self.now_s):
            self.late.append(picture)
            self.end(picture)
        for picture in self.scheduler.choose_begin(self.now_s):
            picture.state = PIPELINE.begin(picture.params, b"", b"")
            self.scheduler.begin(picture)
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

    def _make(self, call: list[Picture[FakeState]]) -> None:
        shares = [(picture.tenant, picture.rows) for picture in call]
        rows = sum(rows for _, rows in shares)
        assert len({picture.id for picture in call}) == len(call)
        assert rows <= self.cost.knee(call[0].size)
        assert len({picture.demand.key for picture in call}) == 1
        assert all(self.now_s + picture.calls_left * CALL_S <= picture.due_s for picture in call), "no step is wasted"
        for picture in call:
            PIPELINE.advance(picture.begun, b"")
            if picture.finished:
                self.scheduler.finish(picture)
        seconds = self.cost.call_s(call[0].size, rows)
        self.now_s += seconds
        self.widths.append(call[0].params.width)
        self.scheduler.charge_call(shares, seconds)
        for tenant, part in shares:
            self.had_s[tenant] = self.had_s.get(tenant, 0.0) + seconds * part / rows

    def _decode(self, pictures: list[Picture[FakeState]]) -> None:
        assert len({picture.size for picture in pictures}) == 1
        assert len(pictures) <= MAX_DECODE
        seconds = self.cost.decode_s(pictures[0].size, len(pictures))
        self.now_s += seconds
        self.decodes.append(len(pictures))
        self.scheduler.charge_decode(pictures, seconds)
        for picture in pictures:
            self.end(picture)
