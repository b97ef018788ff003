"""A worker harness whose pipeline records what it was asked to do together."""

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
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]]
    ) -> Sequence[FakeInput]:
        self.inputs.append([each.prompt for each in params])
        return super().encode_inputs(params, pixels)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        self.decoded.append(len(states))
        return super().decode(states)


def make_recording_harness() -> tuple[WorkerHarness, RecordingPipeline]:
    made: list[RecordingPipeline] = []

    def make(sleep: Callable[[float], None]) -> RecordingPipeline:
        made.append(RecordingPipeline(sleep))
        return made[0]

    return WorkerHarness(make), made[0]
