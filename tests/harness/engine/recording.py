"""Worker harnesses whose pipelines record what they were asked to do together, or have little memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.fake import FakeInput, FakePipeline, FakeState
from pipelines.interface import InputPixels, RgbImage, TextKey
from pipelines.params import GenerationParams
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness


class RecordingPipeline(FakePipeline):
    """Records the texts of each encoder call, the prompts of each encode of inputs, and the images of each decode."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.encoded: list[list[str]] = []
        self.inputs: list[list[str]] = []
        self.decoded: list[int] = []

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        self.encoded.append([key.text or "" for key in texts])
        return super().encode(texts)

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[FakeInput]:
        self.inputs.append([each.prompt for each in params])
        return super().encode_inputs(params, pixels, tiled=tiled)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        self.decoded.append(len(states))
        return super().decode(states)


class SmallPipeline(RecordingPipeline):
    """Has memory to encode or enlarge no image but in tiles, and even so none whose prompt is "huge"."""

    def __init__(self, sleep: Callable[[float], None], *, room: int) -> None:
        """`room` is the number of images for which there is memory without tiles."""
        super().__init__(sleep)
        self.tiled: list[str] = []
        """The prompts of the images that were encoded or enlarged in tiles."""
        self._room = room

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[FakeInput]:
        self._take([each.prompt for each in params], tiled=tiled)
        return super().encode_inputs(params, pixels, tiled=tiled)

    def upscale(self, states: Sequence[FakeState], *, tiled: bool = False) -> None:
        self._take([state.params.prompt for state in states], tiled=tiled)
        super().upscale(states, tiled=tiled)

    def _take(self, prompts: Sequence[str], *, tiled: bool) -> None:
        if tiled:
            self.tiled.extend(prompts)
        if "huge" in prompts or (not tiled and len(prompts) > self._room):
            raise MemoryError


def make_small_harness(room: int) -> tuple[WorkerHarness, SmallPipeline]:
    made: list[SmallPipeline] = []

    def make(sleep: Callable[[float], None]) -> SmallPipeline:
        made.append(SmallPipeline(sleep, room=room))
        return made[0]

    return WorkerHarness(make), made[0]


def make_recording_harness() -> tuple[WorkerHarness, RecordingPipeline]:
    made: list[RecordingPipeline] = []

    def make(sleep: Callable[[float], None]) -> RecordingPipeline:
        made.append(RecordingPipeline(sleep))
        return made[0]

    return WorkerHarness(make), made[0]
