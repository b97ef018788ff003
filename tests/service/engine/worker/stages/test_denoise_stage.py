"""On a device that works beside the host, each UNet call is launched before the results of the last one are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.errors import NonFiniteError
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import PendingAdvance, Stage
from service.engine import messages
from tests.harness.engine.faulty_pipeline import FaultyPipeline, Kind, Trigger
from tests.harness.engine.faulty_pipeline import Stage as FaultStage
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness, make_alone, make_params


class QueueingPipeline(FakePipeline):
    """Has the errors of a call only when the call is waited for, as a device with a queue has."""

    def __init__(self, sleep: Callable[[float], None], *, spoiled_at: int | None = None) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.order: list[str] = []
        """The launches and the waits, by number of the call."""
        self._spoiled_at = spoiled_at
        self._calls = 0

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        self._calls += 1
        self.order.append(f"launch {self._calls}")
        return super().predict(states)

    def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
        spoiled = [
            state.params.prompt == "spoiled" and not state.upcast and state.calls_done == self._spoiled_at
            for state in states
        ]
        super().advance(states, outputs)
        return _Queued(self, self._calls, spoiled)


@dataclass
class _Queued:
    pipeline: QueueingPipeline
    number: int
    spoiled: Sequence[bool]
    ready: bool = False

    def finish(self) -> list[Exception | None]:
        self.pipeline.order.append(f"wait {self.number}")
        return [NonFiniteError((n,)) if spoiled else None for n, spoiled in enumerate(self.spoiled)]


def make_harness(**options: int) -> tuple[WorkerHarness, QueueingPipeline]:
    made: list[QueueingPipeline] = []

    def make(sleep: Callable[[float], None]) -> QueueingPipeline:
        made.append(QueueingPipeline(sleep, **options))
        return made[0]

    return WorkerHarness(make), made[0]


def test_the_next_call_is_launched_before_the_one_before_is_waited_for() -> None:
    harness, pipeline = make_harness()
    harness.submit("a", make_params(steps=3))
    harness.run()

    assert pipeline.order == ["launch 1", "launch 2", "wait 1", "launch 3", "wait 2", "wait 3"]
    assert harness.pixels == {"a": make_alone(make_params(steps=3))}


def test_an_image_that_overflowed_in_the_call_before_is_begun_again_and_its_launched_call_is_forgotten() -> None:
    harness, _ = make_harness(spoiled_at=1)
    spoiled, sound = make_params("spoiled", steps=5), make_params("sound", steps=5)
    harness.submit("spoiled", spoiled)
    harness.submit("sound", sound)
    harness.run()

    assert [retried.image_id for retried in harness.sent(messages.Retried)] == ["spoiled"]
    assert harness.pixels == {"spoiled": make_alone(spoiled), "sound": make_alone(sound)}


def test_progress_tells_only_of_steps_that_the_device_has_done() -> None:
    harness, pipeline = make_harness()
    harness.submit("a", make_params(steps=4))
    while len(pipeline.order) < 3:
        harness.turn()

    assert pipeline.order == ["launch 1", "launch 2", "wait 1"]
    assert [progress.step for progress in harness.sent(messages.Progress)] == [1]


def test_an_image_canceled_while_its_call_is_under_way_ends_once() -> None:
    harness, pipeline = make_harness()
    harness.submit("canceled", make_params(steps=4))
    harness.submit("other", make_params("other", steps=4))
    while len(pipeline.order) < 3:
        harness.turn()
    harness.cancel("canceled")
    harness.run()

    assert [canceled.image_id for canceled in harness.sent(messages.Canceled)] == ["canceled"]
    assert harness.pixels.keys() == {"other"}


def test_the_updates_of_a_call_that_fail_together_are_launched_one_by_one() -> None:
    class Fragile(FakePipeline):
        def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
            if any(state.params.prompt == "bad" for state in states):
                raise RuntimeError
            return super().advance(states, outputs)

    harness = WorkerHarness(lambda sleep: Fragile(call_s=CALL_S, sleep=sleep))
    for name in ("good", "bad", "fine"):
        harness.submit(name, make_params(name, steps=2))
    harness.run()

    assert [failed.image_id for failed in harness.sent(messages.Failed)] == ["bad"]
    assert harness.pixels.keys() == {"good", "fine"}


def test_an_image_that_cannot_begin_leaves_its_call_to_the_others() -> None:
    trigger = Trigger(FaultStage.BEGIN, Kind.RAISE)
    harness = WorkerHarness(lambda sleep: FaultyPipeline(trigger, call_s=CALL_S, sleep=sleep))
    for name in ("good", "poison"):
        harness.submit(name, make_params(name, steps=2))
    harness.run()

    assert [failed.image_id for failed in harness.sent(messages.Failed)] == ["poison"]
    assert len(harness.calls(Stage.DENOISE)) == 2
