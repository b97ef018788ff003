"""A launched call becomes ready, tells its seconds, and ignores results of images that were begun again."""

from __future__ import annotations

import pytest

from pipelines.fake import INFO, FakeState
from pipelines.interface import Stage
from service.engine.call_record import CallRecord
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.scheduling.batch_former import Batch
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.stages.call_meter import CallMeter
from service.engine.worker.stages.running_call import RunningCall
from tests.harness.engine.scheduler_harness import PIPELINE, SchedulerHarness
from tests.harness.engine.worker_harness import Clock, MemoryChannel

MAX_COUNTS = {Stage.TEXT: 16, Stage.DENOISE: 16, Stage.DECODE: 4}


class Harness:
    """A call of two images, which takes half a second."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ready = True
        channel = MemoryChannel(self.clock)
        meter = CallMeter(
            INFO, CostModel(CostTable(), max_counts=MAX_COUNTS), channel, PLAIN_DEVICE, self.clock, CallRecord.private()
        )
        scheduler = SchedulerHarness()
        self.images = [scheduler.add(tenant="a"), scheduler.add(tenant="b", guidance_scale=1.0)]
        call = self.images[0].target
        metered = meter.start(self.images, call.cost, 3)
        self.clock.advance(0.5)
        meter.launched(metered)
        self.call: RunningCall[FakeState] = RunningCall(
            meter,
            Batch(self.images, call.key, call.cost, [2, 1]),
            [metered],
            lambda: [(image, None) for image in self.images],
            is_ready=lambda: self.ready,
        )


def test_a_call_is_ready_when_the_device_is_done_with_it() -> None:
    harness = Harness()
    assert harness.call.ready

    harness.ready = False
    assert not harness.call.ready


def test_a_finished_call_tells_its_seconds_and_each_tenants_rows() -> None:
    harness = Harness()
    harness.call.finish()

    assert harness.call.seconds == 0.5
    assert [(image.tenant, rows) for image, rows in harness.call.parts] == [("a", 2), ("b", 1)]
    assert [image.device_s for image in harness.images] == [pytest.approx(1 / 3), pytest.approx(1 / 6)]


def test_the_results_of_images_that_were_begun_again_do_not_count() -> None:
    harness = Harness()
    again, other = harness.images
    again.state = PIPELINE.begin(again.params, [b""] * len(PIPELINE.texts(again.params)))

    assert [image for image, _ in harness.call.finish()] == [other]
