"""The warm-up of a model whose first image takes longer than the budget, and was made at an earlier start."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from pipelines.fake import INFO, FakePipeline
from pipelines.interface import Stage, TextKey
from pipelines.progress import unreported
from service.engine.costs.cost_table import CostTable
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import FaultIsolation
from service.engine.worker.warmup import Warmup
from tests.harness.engine.worker_harness import make_costs

SIZE = INFO.sizes[0]
KNOWN = make_costs({SIZE: {1: 7.0}}, {SIZE: {1: 14.0}}, {1: 0.5})


class Watched(FakePipeline):
    called = False

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        self.called = True
        return super().encode(texts)


def warm(pipeline: FakePipeline, known: CostTable, budget_s: float) -> CostTable:
    max_counts = {Stage.TEXT: 1, Stage.INPUT: 1, Stage.DENOISE: 2, Stage.DECODE: 1}
    warmup = Warmup(pipeline, FaultIsolation(PLAIN_DEVICE), known=known, max_counts=max_counts, clock=time.monotonic)
    return warmup.run(budget_s=budget_s, report=unreported)


def test_a_slow_image_that_an_earlier_start_has_made_is_not_made_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pipeline = Watched()
    table = warm(pipeline, KNOWN, budget_s=20.0)

    assert not pipeline.called
    assert "takes 22 s or more" in caplog.text
    assert {cost.key: cost.points[0].seconds for cost in table.costs} == {
        cost.key: cost.points[0].seconds for cost in KNOWN.costs
    }


@pytest.mark.parametrize(
    ("known", "budget_s"), [(KNOWN, 30.0), (CostTable(KNOWN.costs[:2]), 20.0)], ids=["it is fast", "its texts are new"]
)
def test_it_is_made_where_there_is_time_or_some_of_it_was_never_measured(known: CostTable, budget_s: float) -> None:
    pipeline = Watched()
    warm(pipeline, known, budget_s)

    assert pipeline.called
