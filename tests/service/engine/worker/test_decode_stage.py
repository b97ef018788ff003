"""DecodeStage on a device with streams: begun beside UNet calls, and waited for only when there are none to make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.errors import NonFiniteError
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import PendingDecode, RgbImage
from service.engine import messages
from tests.harness.worker_harness import CALL_S, WorkerHarness, make_alone, make_params


class StreamPipeline(FakePipeline):
    """DecodeStage as a device with streams does: a decode is done some UNet calls after it has begun."""

    def __init__(self, sleep: Callable[[float], None], *, calls: int, spoiled: str = "") -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.calls_made = 0
        self.waits = 0
        """DecodeStage that were waited for."""
        self._calls = calls
        self._spoiled = spoiled

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        self.calls_made += 1
        return super().predict(states)

    def start_decode(self, states: Sequence[FakeState]) -> PendingDecode:
        return _LateDecoding(self, list(states), self.calls_made + self._calls)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        spoiled = tuple(n for n, state in enumerate(states) if state.params.prompt == self._spoiled)
        if spoiled:
            raise NonFiniteError(spoiled)
        return super().decode(states)


@dataclass
class _LateDecoding:
    pipeline: StreamPipeline
    states: list[FakeState]
    done_at: int

    @property
    def ready(self) -> bool:
        return self.pipeline.calls_made >= self.done_at

    def finish(self) -> list[RgbImage]:
        self.pipeline.waits += not self.ready
        return self.pipeline.decode(self.states)


def make_stream_rig(calls: int, spoiled: str = "") -> tuple[WorkerHarness, StreamPipeline]:
    made: list[StreamPipeline] = []

    def make(sleep: Callable[[float], None]) -> StreamPipeline:
        made.append(StreamPipeline(sleep, calls=calls, spoiled=spoiled))
        return made[0]

    return WorkerHarness(make), made[0]


def test_calls_go_on_beside_a_decode_that_takes_long() -> None:
    rig, pipeline = make_stream_rig(calls=5)
    short, long = make_params(steps=2), make_params("a blue square", steps=9)
    rig.submit("short", short)
    rig.submit("long", long)
    rig.run()

    order = [message.image_id for message in rig.channel.sent if isinstance(message, messages.Finished)]
    assert order == ["short", "long"]
    assert rig.pixels == {"short": make_alone(short), "long": make_alone(long)}
    assert len(rig.calls) == 9
    assert pipeline.waits == 1, "only the last one, beside which there was nothing to do"
    # Two calls, the decode begun, five calls beside it.
    finished = next(n for n, message in enumerate(rig.channel.sent) if isinstance(message, messages.Finished))
    assert sum(isinstance(message, messages.CallDone) for message in rig.channel.sent[:finished]) == 7


def test_an_image_canceled_while_it_is_decoded_ends_once() -> None:
    rig, _ = make_stream_rig(calls=5)
    rig.submit("long", make_params(steps=9))
    rig.submit("short", make_params(steps=2))
    rig.turn(4)
    rig.cancel("short")
    rig.run()

    assert [canceled.image_id for canceled in rig.sent(messages.Canceled)] == ["short"]
    assert rig.pixels.keys() == {"long"}


def test_an_image_that_turns_out_spoiled_after_its_decode_is_made_again_and_its_mates_are_not() -> None:
    rig, _ = make_stream_rig(calls=3, spoiled="spoiled")
    for name in ("sound", "spoiled"):
        rig.submit(name, make_params(name, steps=2))
    rig.submit("long", make_params(steps=12))
    rig.run()

    assert [again.image_id for again in rig.sent(messages.Retried)] == ["spoiled"]
    assert [failed.image_id for failed in rig.sent(messages.Failed)] == ["spoiled"]
    assert rig.pixels.keys() == {"sound", "long"}
