"""Long calls of a pipeline are announced, and the cost model learns from all of them."""

from __future__ import annotations

from pipelines.fake import FakePipeline, FakeState
from service.engine import messages
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.scheduling.image import ScheduledImage
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.measured_calls import MeasuredCalls
from tests.harness.engine.worker_harness import CALL_S, Clock, MemoryChannel, WorkerHarness, flat_costs, make_params

DECODE_S = 0.5
SIZE = (64, 64)


class CallsHarness:
    """Measured calls of the fake pipeline, with two begun images."""

    def __init__(self) -> None:
        clock = Clock()
        pipeline = FakePipeline(call_s=CALL_S, decode_s=DECODE_S, sleep=clock.advance)
        self.cost = CostModel(flat_costs(16), max_rows=16, max_decode=4)
        self.channel = MemoryChannel(clock)
        self.calls = MeasuredCalls(pipeline, self.cost, self.channel, PLAIN_DEVICE, clock)
        self.images = [
            ScheduledImage[FakeState](
                id=str(number),
                params=params,
                arrived_s=0.0,
                virtual_deadline_s=0.0,
                state=pipeline.begin(params, pipeline.encode(params.texts)),
            )
            for number, params in enumerate([make_params(), make_params()])
        ]


def test_the_cost_of_a_decode_is_learned_from_a_decode_alone() -> None:
    harness = CallsHarness()
    harness.calls.finish_decode(harness.calls.start_decode(harness.images[:1]))

    assert harness.cost.decode_s(SIZE, 1) > 0


def test_a_decode_with_calls_beside_it_is_reported_and_not_learned_from() -> None:
    harness = CallsHarness()
    running = harness.calls.start_decode(harness.images[:1])
    harness.calls.record(harness.images[1:], 2, CALL_S, 0.0)
    harness.calls.finish_decode(running)

    assert harness.cost.decode_s(SIZE, 1) == 0
    (report,) = [message for message in harness.channel.sent if isinstance(message, messages.DecodeDone)]
    assert (report.images, report.decode_s) == (1, DECODE_S)


def test_measured_encodes_and_decodes_are_reported_to_the_frontend() -> None:
    harness = WorkerHarness(lambda sleep: FakePipeline(call_s=CALL_S, decode_s=0.5, sleep=sleep))
    harness.submit("a", make_params("a circle", steps=1))
    harness.submit("b", make_params("a square", steps=1))
    harness.run()

    assert harness.sent(messages.EncodeDone) == [messages.EncodeDone(texts=3, encode_s=0.0)]
    assert harness.sent(messages.DecodeDone) == [messages.DecodeDone(width=64, height=64, images=2, decode_s=0.5)]


def test_a_call_that_may_delay_a_beat_is_announced_with_its_expected_seconds() -> None:
    harness = WorkerHarness(lambda sleep: FakePipeline(call_s=2.0, sleep=sleep), costs=flat_costs(16, call_s=2.0))
    harness.submit("a", make_params(steps=2))
    harness.run()

    kinds = [
        type(message) for message in harness.channel.sent if isinstance(message, messages.Busy | messages.CallDone)
    ]
    assert kinds == [messages.Busy, messages.CallDone] * 2
    assert [busy.expected_s for busy in harness.sent(messages.Busy)] == [2.0, 2.0]


def test_short_calls_are_not_announced() -> None:
    harness = WorkerHarness()
    harness.submit("a", make_params())
    harness.run()

    assert not harness.sent(messages.Busy)


def test_calls_are_announced_without_an_estimate_until_the_first_measurement() -> None:
    harness = WorkerHarness(lambda sleep: FakePipeline(call_s=2.0, sleep=sleep), costs=CostTable())
    harness.submit("a", make_params(steps=2))
    harness.run()

    *before, last = [busy.expected_s for busy in harness.sent(messages.Busy)]
    assert set(before) == {None}
    assert last == 2.0, "one call was seen"
