"""Calls are announced, recorded and measured; the cost model learns from those that show what a call costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.fake import INFO, FakePipeline
from pipelines.interface import CostKey, Stage
from service.engine import messages
from service.engine.call_record import CallRecord
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.stages.call_meter import CallMeter, MeteredCall
from tests.harness.engine.scheduler_harness import SchedulerHarness
from tests.harness.engine.worker_harness import (
    CALL_S,
    Clock,
    MemoryChannel,
    WorkerHarness,
    flat_costs,
    make_params,
)

DENOISE, DECODE = CostKey(Stage.DENOISE, 64, 64), CostKey(Stage.DECODE, 64, 64)
MAX_COUNTS = {Stage.TEXT: 16, Stage.DENOISE: 16, Stage.DECODE: 4}


class MeterHarness:
    """A meter with a clock, and two images."""

    def __init__(self, *, decodes_beside: bool = False, padded_to: tuple[int, ...] = ()) -> None:
        self.clock = Clock()
        self.cost = CostModel(CostTable(), max_counts=MAX_COUNTS)
        self.channel = MemoryChannel(self.clock)
        self.record = CallRecord.private()
        info = replace(INFO, decodes_beside=decodes_beside, row_sizes=padded_to)
        self.meter = CallMeter(info, self.cost, self.channel, PLAIN_DEVICE, self.clock, self.record)
        harness = SchedulerHarness()
        self.images = [harness.add(), harness.add()]

    def make(self, key: CostKey, seconds: float, rows: int = 1) -> MeteredCall:
        call = self.meter.start(self.images, key, rows)
        self.clock.advance(seconds)
        self.meter.launched(call)
        return call

    @property
    def reports(self) -> list[messages.CallDone]:
        return [message for message in self.channel.sent if isinstance(message, messages.CallDone)]


def test_a_call_is_learned_from_when_it_is_done() -> None:
    harness = MeterHarness()
    call = harness.make(DECODE, 0.5)
    assert not harness.cost.is_measured(DECODE)

    assert harness.meter.done(call) == 0.5
    assert harness.cost.seconds(DECODE, 1) == pytest.approx(0.5)


def test_the_part_after_the_network_is_reported_apart() -> None:
    harness = MeterHarness()
    call = harness.meter.start(harness.images, DENOISE, 2)
    harness.clock.advance(0.5)
    harness.meter.predicted(call)
    harness.clock.advance(0.25)
    harness.meter.launched(call)
    harness.meter.done(call)

    (report,) = harness.reports
    assert (report.seconds, report.update_s, report.images) == (0.75, 0.25, 2)


def test_a_padded_call_is_learned_by_its_padded_rows() -> None:
    harness = MeterHarness(padded_to=(4, 8))
    harness.meter.done(harness.make(DENOISE, 0.5, rows=3))

    (report,) = harness.reports
    assert (report.rows, report.padded_rows) == (3, 1)
    assert harness.cost.seconds(DENOISE, 4) == pytest.approx(0.5)


@pytest.mark.parametrize("decode_first", [True, False])
def test_calls_that_share_the_device_are_reported_and_not_learned_from(decode_first: bool) -> None:
    harness = MeterHarness(decodes_beside=True)
    keys = [DECODE, DENOISE] if decode_first else [DENOISE, DECODE]
    calls = [harness.make(key, 0.5) for key in keys]
    for call in calls:
        harness.meter.done(call)

    assert [report.sound for report in harness.reports] == [False, False]
    assert not harness.cost.is_measured(DECODE)
    assert not harness.cost.is_measured(DENOISE)


def test_calls_that_wait_for_each_other_are_learned_from() -> None:
    harness = MeterHarness(decodes_beside=True)
    calls = [harness.make(DENOISE, 0.5), harness.make(DENOISE, 0.5)]
    for call in calls:
        harness.meter.done(call)

    assert [report.sound for report in harness.reports] == [True, True]


def test_a_call_that_failed_in_part_is_not_learned_from() -> None:
    harness = MeterHarness()
    call = harness.make(DENOISE, 0.5, rows=8)
    harness.meter.failed(call, 8, RuntimeError())
    harness.meter.done(call)

    assert [report.sound for report in harness.reports] == [False]
    assert not harness.cost.is_measured(DENOISE)


def test_a_call_that_was_never_launched_is_not_reported() -> None:
    harness = MeterHarness()
    call = harness.meter.start(harness.images, DENOISE, 8)
    harness.meter.failed(call, 8, RuntimeError())

    assert harness.meter.done(call) == 0.0
    assert not harness.reports


def test_rows_that_ran_out_of_memory_stay_above_the_knee() -> None:
    harness = MeterHarness()
    call = harness.meter.start(harness.images, DENOISE, 8)
    harness.meter.failed(call, 8, MemoryError())

    assert harness.cost.knee(DENOISE) < 8


def test_the_record_names_the_images_of_the_calls_under_way() -> None:
    harness = MeterHarness()
    call = harness.make(DENOISE, 0.5)
    assert sorted(harness.record.read()) == sorted(image.id for image in harness.images)

    harness.meter.done(call)
    assert not harness.record.read()


def test_calls_of_every_stage_are_reported_to_the_frontend() -> None:
    harness = WorkerHarness(lambda sleep: FakePipeline(call_s=CALL_S, decode_s=0.5, sleep=sleep))
    harness.submit("a", make_params("a circle", steps=1))
    harness.submit("b", make_params("a square", steps=1))
    harness.run()

    assert [(call.rows, call.seconds) for call in harness.calls(Stage.TEXT)] == [(3, 0.0)]
    assert [(call.rows, call.seconds) for call in harness.calls(Stage.DECODE)] == [(2, 0.5)]


def test_a_call_that_may_delay_a_beat_is_announced_with_its_expected_seconds() -> None:
    harness = WorkerHarness(lambda sleep: FakePipeline(call_s=2.0, sleep=sleep), costs=flat_costs(16, call_s=2.0))
    harness.submit("a", make_params(steps=2))
    harness.run()

    kinds = [
        type(message)
        for message in harness.channel.sent
        if isinstance(message, messages.Busy)
        or (isinstance(message, messages.CallDone) and message.key.stage is Stage.DENOISE)
    ]
    assert kinds == [messages.Busy, messages.CallDone] * 2
    assert [busy.expected_s for busy in harness.sent(messages.Busy)] == [2.0, 2.0]


def test_short_calls_are_not_announced() -> None:
    harness = WorkerHarness()
    harness.submit("a", make_params())
    harness.run()

    assert not harness.sent(messages.Busy)


def test_calls_are_announced_with_a_guess_until_the_first_measurement() -> None:
    harness = WorkerHarness(lambda sleep: FakePipeline(call_s=2.0, sleep=sleep), costs=CostTable())
    harness.submit("a", make_params(steps=2))
    harness.run()

    announced = harness.sent(messages.Busy)
    assert [busy.is_guess for busy in announced] == [True, True, False, True]
    assert announced[2].expected_s == pytest.approx(2.0)
    assert [call.key.stage for call in harness.sent(messages.CallDone)] == [
        Stage.TEXT,
        Stage.DENOISE,
        Stage.DENOISE,
        Stage.DECODE,
    ]
