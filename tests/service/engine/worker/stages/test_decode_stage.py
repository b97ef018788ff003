"""Decodes on a device with streams start beside other calls, and are awaited only when there is no call to make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

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


class HotPipeline(FakePipeline):
    """Its decoder overflows unless it is wide, and runs out of memory with more images than `room`."""

    def __init__(
        self, sleep: Callable[[float], None], *, hot: bool = False, room: int = 100, room_in_tiles: bool = True
    ) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.decodes: list[tuple[int, bool, bool]] = []
        """The images of each decode, and whether it was wide and in tiles."""
        self._hot = hot
        self._room = room
        self._room_in_tiles = room_in_tiles

    def start_decode(self, states: Sequence[FakeState], *, wide: bool = False, tiled: bool = False) -> PendingDecode:
        self.decodes.append((len(states), wide, tiled))
        if len(states) > self._room and not (tiled and self._room_in_tiles):
            raise MemoryError
        if self._hot and not wide:
            raise NonFiniteError(tuple(range(len(states))))
        return super().start_decode(states, wide=wide, tiled=tiled)


def make_hot_harness(**options: Any) -> tuple[WorkerHarness, HotPipeline]:
    made: list[HotPipeline] = []

    def make(sleep: Callable[[float], None]) -> HotPipeline:
        made.append(HotPipeline(sleep, **options))
        return made[0]

    return WorkerHarness(make), made[0]


def test_latents_whose_pixels_overflow_are_decoded_again_and_not_denoised_again() -> None:
    harness, pipeline = make_hot_harness(hot=True)
    for seed in range(3):
        harness.submit(str(seed), make_params(steps=4, seed=seed))
    harness.run()

    assert len(harness.call_rows) == 4
    assert pipeline.decodes[-1] == (3, True, False)
    assert not harness.sent(messages.Retried)
    assert harness.pixels == {str(seed): make_alone(make_params(steps=4, seed=seed)) for seed in range(3)}


def test_a_decode_that_ran_out_of_memory_teaches_how_many_images_fit() -> None:
    harness, pipeline = make_hot_harness(room=2)
    for seed in range(16):
        harness.submit(str(seed), make_params(steps=2, seed=seed))
    harness.run()

    counts = [count for count, _, _ in pipeline.decodes]
    assert counts[0] == 4
    assert max(counts[1:]) <= 2
    assert len(harness.pixels) == 16


def test_an_image_that_does_not_fit_in_memory_is_decoded_in_tiles() -> None:
    harness, pipeline = make_hot_harness(room=0)
    harness.submit("large", make_params(steps=2))
    harness.run()

    assert pipeline.decodes[-1] == (1, False, True)
    assert harness.pixels.keys() == {"large"}


def test_an_image_that_does_not_fit_in_tiles_either_fails() -> None:
    harness, _ = make_hot_harness(room=0, room_in_tiles=False)
    harness.submit("large", make_params(steps=2))
    harness.run()

    assert [failed.code for failed in harness.sent(messages.Failed)] == ["out_of_memory"]


class TwoStreams(FakePipeline):
    """A device that decodes on a stream of its own, by the harness's clock."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None], *, decode_s: float) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.info = replace(self.info, decodes_beside=True)
        self.free_s = 0.0
        """Time at which the decode stream has done what was launched."""
        self.clock = clock
        self.wait = sleep
        self._stream_s = decode_s

    def start_decode(self, states: Sequence[FakeState], *, wide: bool = False, tiled: bool = False) -> PendingDecode:
        self.free_s = max(self.free_s, self.clock()) + self._stream_s
        return _StreamDecode(self, list(states), self.free_s)


@dataclass
class _StreamDecode:
    pipeline: TwoStreams
    states: list[FakeState]
    done_s: float

    @property
    def ready(self) -> bool:
        return self.pipeline.clock() >= self.done_s

    def finish(self) -> list[RgbImage]:
        self.pipeline.wait(max(0.0, self.done_s - self.pipeline.clock()))
        return self.pipeline.decode(self.states)


def test_decodes_beside_take_no_time_from_calls() -> None:
    """When decodes had to repay their time to UNet calls, the device made a third of the images that it could."""
    clocks: list[WorkerHarness] = []

    def make(sleep: Callable[[float], None]) -> FakePipeline:
        return TwoStreams(lambda: clocks[0].clock.now_s if clocks else 0.0, sleep, decode_s=CALL_S)

    harness = WorkerHarness(make, max_rows=8)
    clocks.append(harness)
    for seed in range(40):
        harness.submit(str(seed), make_params("a", steps=4, seed=seed))
    start_s = harness.clock.now_s
    harness.run()

    calls_s = len(harness.call_rows) * CALL_S
    assert calls_s <= 1.15 * (40 * 4 * 2 / 8) * CALL_S, "full calls, but for tries of other counts"
    assert harness.clock.now_s - start_s <= calls_s + 3 * CALL_S
