"""The worker records the images of each call while the call is under way, and gives suspects calls of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import EncodedInput, PendingAdvance, RgbImage, TextKey
from pipelines.params import GenerationParams
from service.engine.call_record import CallRecord
from service.engine.messages import Submit
from service.engine.worker.device import Device
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness, make_alone, make_params


class BrokenDeviceError(Exception):
    pass


class WatchedPipeline(FakePipeline):
    """Reads the record in each of its calls, beside the prompts that the call is made for."""

    def __init__(self, record: CallRecord, sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.seen: dict[str, list[tuple[set[str], set[str]]]] = {}
        """For each stage, the prompts and the recorded ids of its calls."""
        self._record = record

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        self._note("encode", {key.text for key in texts if key.text})
        return super().encode(texts)

    def begin(
        self, params: GenerationParams, conditionings: Sequence[bytes], encoded: EncodedInput | None = None
    ) -> FakeState:
        self._note("begin", {params.prompt})
        return super().begin(params, conditionings, encoded)

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        self._note("predict", {state.params.prompt for state in states})
        if any(state.params.prompt == "breaks the device" for state in states):
            raise BrokenDeviceError
        return super().predict(states)

    def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
        self._note("advance", {state.params.prompt for state in states})
        return super().advance(states, outputs)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        self._note("decode", {state.params.prompt for state in states})
        return super().decode(states)

    def preview(self, state: FakeState) -> RgbImage:
        self._note("preview", {state.params.prompt})
        return super().preview(state)

    def _note(self, stage: str, prompts: set[str]) -> None:
        self.seen.setdefault(stage, []).append((prompts, set(self._record.read())))


class RecordHarness(WorkerHarness):
    """A worker whose images have their prompts as ids."""

    def __init__(self, device: Device | None = None) -> None:
        self.record = CallRecord.private()
        self.pipelines: list[WatchedPipeline] = []
        super().__init__(self._make, device=device or Device(), record=self.record)

    def _make(self, sleep: Callable[[float], None]) -> WatchedPipeline:
        self.pipelines.append(WatchedPipeline(self.record, sleep))
        return self.pipelines[0]

    @property
    def seen(self) -> dict[str, list[tuple[set[str], set[str]]]]:
        return self.pipelines[0].seen

    def submit_all(self, prompts: Sequence[str], *, isolated: Sequence[str] = ()) -> None:
        for prompt in prompts:
            mark = prompt if prompt in isolated else ""
            self.channel.inbox.append(Submit(prompt, make_params(prompt), previews=1, isolation=mark))


def test_the_record_names_the_images_of_every_call_while_it_is_under_way() -> None:
    harness = RecordHarness()
    harness.submit_all(["a", "b", "c"])
    harness.run()

    assert harness.seen.keys() == {"encode", "begin", "predict", "advance", "decode", "preview"}
    for stage, calls in harness.seen.items():
        for prompts, recorded in calls:
            assert prompts <= recorded, stage
    assert all(recorded == prompts for prompts, recorded in harness.seen["predict"])
    assert harness.record.read() == frozenset(), "nothing is under way between calls"


def test_an_error_that_breaks_the_device_leaves_the_images_of_its_call_recorded() -> None:
    harness = RecordHarness(Device(is_broken=lambda error: isinstance(error, BrokenDeviceError)))
    harness.submit_all(["a", "breaks the device"])
    with pytest.raises(BrokenDeviceError):
        harness.run()

    assert harness.record.read() == {"a", "breaks the device"}


def test_a_suspect_shares_no_call_and_the_others_still_do() -> None:
    harness = RecordHarness()
    harness.submit_all(["a", "suspect", "b"], isolated=["suspect"])
    harness.run()

    for stage in ("encode", "predict", "decode"):
        together = {frozenset(prompts) for prompts, _ in harness.seen[stage]} - {frozenset[str]()}
        assert together == {frozenset(["a", "b"]), frozenset(["suspect"])}, stage
    assert harness.pixels == {prompt: make_alone(make_params(prompt)) for prompt in ("a", "b", "suspect")}
