"""What the measured calls teach the cost model, and what not."""

from __future__ import annotations

from pipelines.fake import FakePipeline, FakeState
from service.engine import messages
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import ScheduledImage
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.measured_calls import MeasuredCalls
from tests.harness.worker_harness import CALL_S, Clock, MemoryChannel, flat_costs, make_params

DECODE_S = 0.5
SIZE = (64, 64)


class Bench:
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


def test_a_decode_alone_teaches_what_decodes_cost() -> None:
    bench = Bench()
    bench.calls.finish_decode(bench.calls.start_decode(bench.images[:1]))

    assert bench.cost.decode_s(SIZE, 1) > 0


def test_a_decode_that_had_calls_beside_it_teaches_nothing_and_is_told() -> None:
    bench = Bench()
    running = bench.calls.start_decode(bench.images[:1])
    bench.calls.record(bench.images[1:], 2, CALL_S, 0.0)
    bench.calls.finish_decode(running)

    assert bench.cost.decode_s(SIZE, 1) == 0
    (told,) = [message for message in bench.channel.sent if isinstance(message, messages.DecodeDone)]
    assert (told.images, told.decode_s) == (1, DECODE_S)
