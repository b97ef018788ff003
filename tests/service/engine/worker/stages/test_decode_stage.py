"""Decodes on a device with streams: started beside other calls, and waited for only when there is no call to make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipelines.errors import NonFiniteError
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import PendingDecode, RgbImage, Stage
from service.engine import messages
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness, make_alone, make_params


class StreamPipeline(FakePipeline):
    """Decodes as a device with streams does: a decode is done some UNet calls after its start."""

    def __init__(self, sleep: Callable[[float], None], *, calls: int, spoiled: str = "") -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.info = replace(self.info, decodes_beside=True)
        self.calls_made = 0
        self.waits = 0
        """Number of decodes that the worker waited for."""
        self._calls = calls
        self._spoiled = spoiled

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        self.calls_made += 1
        return super().predict(states)

    def start_decode(self, states: Sequence[FakeState], *, wide: bool = False, tiled: bool = False) -> PendingDecode:
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


def make_stream_harness(calls: int, spoiled: str = "") -> tuple[WorkerHarness, StreamPipeline]:
    made: list[StreamPipeline] = []

    def make(sleep: Callable[[float], None]) -> StreamPipeline:
        made.append(StreamPipeline(sleep, calls=calls, spoiled=spoiled))
        return made[0]

    return WorkerHarness(make), made[0]


def test_calls_continue_beside_a_long_decode() -> None:
    harness, pipeline = make_stream_harness(calls=5)
    short, long = make_params(steps=2), make_params("a blue square", steps=9)
    harness.submit("short", short)
    harness.submit("long", long)
    harness.run()

    order = [message.image_id for message in harness.channel.sent if isinstance(message, messages.Finished)]
    assert order == ["short", "long"]
    assert harness.pixels == {"short": make_alone(short), "long": make_alone(long)}
    assert len(harness.call_rows) == 9
    assert pipeline.waits == 1, "only for the last decode, beside which there is no call to make"
    # Two calls, then the decode starts, then five calls beside it.
    finished = next(n for n, message in enumerate(harness.channel.sent) if isinstance(message, messages.Finished))
    assert [
        isinstance(message, messages.CallDone) and message.key.stage is Stage.DENOISE
        for message in harness.channel.sent[:finished]
    ].count(True) == 7


def test_an_image_canceled_during_its_decode_ends_once() -> None:
    harness, _ = make_stream_harness(calls=5)
    harness.submit("long", make_params(steps=9))
    harness.submit("short", make_params(steps=2))
    harness.call(4)
    harness.cancel("short")
    harness.run()

    assert [canceled.image_id for canceled in harness.sent(messages.Canceled)] == ["short"]
    assert harness.pixels.keys() == {"long"}


def test_only_the_image_that_is_spoiled_in_a_decode_is_generated_again() -> None:
    harness, _ = make_stream_harness(calls=3, spoiled="spoiled")
    for name in ("sound", "spoiled"):
        harness.submit(name, make_params(name, steps=2))
    harness.submit("long", make_params(steps=12))
    harness.run()

    assert [again.image_id for again in harness.sent(messages.Retried)] == ["spoiled"]
    assert [failed.image_id for failed in harness.sent(messages.Failed)] == ["spoiled"]
    assert harness.pixels.keys() == {"sound", "long"}
