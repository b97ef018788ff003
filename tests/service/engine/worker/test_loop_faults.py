"""An error in one image fails that image alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pipelines.errors import BlackImageError, NonFiniteError, NumericalError
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import UPCAST, CompletedAdvance, PendingAdvance, RgbImage
from pipelines.interface import Stage as WorkStage
from service.engine import messages
from service.engine.worker.device import Device
from tests.harness.engine.faulty_pipeline import SECRET, FaultyPipeline, Kind, Stage, Trigger
from tests.harness.engine.uploads import DECODED, IMAGE
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness, make_alone, make_params

STEPS = 4
OTHERS = {str(seed): make_params(f"other {seed}", steps=STEPS, seed=seed) for seed in range(5)}
CODES = {Kind.RAISE: "generation_failed", Kind.MEMORY: "out_of_memory", Kind.NAN: "non_finite_result"}

BAD = {
    Stage.INPUT: make_params("poison", steps=STEPS, image=IMAGE),
    Stage.UPSCALE: make_params("poison", steps=STEPS, width=96, hires=DECODED),
}
"""The images at fault in stages through which not every image goes."""
TRIGGERS = [
    Trigger(stage, kind, step)
    for stage in Stage
    for kind in CODES
    for step in (range(STEPS) if stage in (Stage.PREDICT, Stage.ADVANCE) else [0])
    if (stage, kind) != (Stage.RESUME, Kind.NAN)  # Such an image begins anew, in higher precision.
]


class SmallMemoryPipeline(FakePipeline):
    """Runs out of memory with more than `max_rows` rows."""

    def __init__(self, max_rows: int, sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self._max_rows = max_rows

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        if sum(state.next_call.rows for state in states if state.next_call) > self._max_rows:
            raise MemoryError
        return super().predict(states)


def take_checkpoint() -> bytes:
    """Returns a checkpoint of the image at fault, which is made without a fault here."""
    harness = WorkerHarness()
    harness.submit("bad", make_params("poison", steps=STEPS), checkpoint_every=1)
    harness.run()
    return harness.sent(messages.Checkpoint)[0].data


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: f"{trigger.stage}-{trigger.kind}-{trigger.step}")
def test_an_image_that_raises_fails_alone(trigger: Trigger) -> None:
    harness = WorkerHarness(lambda sleep: FaultyPipeline(trigger, call_s=CALL_S, sleep=sleep))
    for position, (image_id, params) in enumerate(OTHERS.items()):
        if position == 2:
            checkpoint = take_checkpoint() if trigger.stage is Stage.RESUME else b""
            harness.submit("bad", BAD.get(trigger.stage, make_params("poison", steps=STEPS)), checkpoint=checkpoint)
        harness.submit(image_id, params)
    harness.run()

    (failed,) = harness.sent(messages.Failed)
    assert (failed.image_id, failed.code) == ("bad", CODES[trigger.kind])
    assert SECRET not in failed.message
    assert harness.pixels == {image_id: make_alone(params) for image_id, params in OTHERS.items()}


class OverflowingPipeline(FakePipeline):
    """Overflows in one call of an image whose prompt says "fragile", unless the image is in higher precision."""

    def __init__(self, stage: Stage, error: type[NumericalError], sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self._stage = stage
        self._error = error

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        self._visit(Stage.PREDICT, states)
        return super().predict(states)

    def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
        fragile = self._fragile(Stage.ADVANCE, states)
        super().advance(states, outputs)
        return CompletedAdvance([self._error((n,)) if n in fragile else None for n in range(len(states))])

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        self._visit(Stage.DECODE, states)
        return super().decode(states)

    def _visit(self, stage: Stage, states: Sequence[FakeState]) -> None:
        fragile = self._fragile(stage, states)
        if fragile:
            raise self._error(tuple(fragile))

    def _fragile(self, stage: Stage, states: Sequence[FakeState]) -> list[int]:
        """Returns the positions of the images whose numbers overflow in this stage."""
        return [
            position
            for position, state in enumerate(states)
            if stage is self._stage
            and "fragile" in state.params.prompt
            and not state.upcast
            and (state.calls_done == 2 or stage is Stage.DECODE)
        ]


@pytest.mark.parametrize("error", [NonFiniteError, BlackImageError])
@pytest.mark.parametrize("stage", [Stage.PREDICT, Stage.ADVANCE, Stage.DECODE])
def test_an_image_whose_numbers_overflow_is_generated_again_in_higher_precision(
    stage: Stage, error: type[NumericalError]
) -> None:
    harness = WorkerHarness(lambda sleep: OverflowingPipeline(stage, error, sleep))
    fragile = make_params("fragile", steps=STEPS)
    harness.submit("fragile", fragile, previews=1)
    for image_id, params in OTHERS.items():
        harness.submit(image_id, params)
    harness.run()

    assert [retried.image_id for retried in harness.sent(messages.Retried)] == ["fragile"]
    assert not harness.sent(messages.Failed)
    assert harness.pixels == {"fragile": make_alone(fragile)} | {
        image_id: make_alone(params) for image_id, params in OTHERS.items()
    }
    steps = [progress.step for progress in harness.sent(messages.Progress) if progress.image_id == "fragile"]
    assert steps == sorted(set(steps)), "no step is reported twice"
    assert len(harness.sent(messages.Preview)) == 1


def test_an_image_that_overflows_in_higher_precision_too_fails() -> None:
    harness = WorkerHarness(lambda sleep: FaultyPipeline(Trigger(Stage.DECODE, Kind.NAN), call_s=CALL_S, sleep=sleep))
    harness.submit("bad", make_params("poison", steps=STEPS))
    harness.run()

    assert len(harness.call_rows) == 2 * STEPS
    assert [failed.code for failed in harness.sent(messages.Failed)] == ["non_finite_result"]


def test_calls_in_higher_precision_have_a_cost_of_their_own() -> None:
    harness = WorkerHarness(lambda sleep: OverflowingPipeline(Stage.PREDICT, NonFiniteError, sleep))
    harness.submit("fragile", make_params("fragile", steps=STEPS))
    harness.run()

    assert [call.key.variant for call in harness.calls(WorkStage.DENOISE)] == [""] * 3 + [UPCAST] * STEPS


def test_the_log_of_a_failure_does_not_hold_the_exceptions_text(caplog: pytest.LogCaptureFixture) -> None:
    harness = WorkerHarness(lambda sleep: FaultyPipeline(Trigger(Stage.ADVANCE), sleep=sleep))
    harness.submit("bad", make_params("poison"))
    harness.run()

    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_an_image_with_invalid_parameters_fails_and_names_the_field() -> None:
    harness = WorkerHarness()
    harness.submit("crooked", make_params(width=65))
    harness.submit("unknown", make_params(sampler="nonesuch"))
    harness.run()

    assert {(failed.image_id, failed.code, failed.field) for failed in harness.sent(messages.Failed)} == {
        ("crooked", "invalid_value", "width"),
        ("unknown", "invalid_value", "sampler"),
    }


def test_a_batch_too_large_for_memory_is_halved_until_it_fits() -> None:
    freed: list[None] = []
    harness = WorkerHarness(
        lambda sleep: SmallMemoryPipeline(4, sleep), device=Device(free_memory=lambda: freed.append(None))
    )
    for image_id, params in OTHERS.items():
        harness.submit(image_id, params)
    harness.run()

    assert harness.pixels == {image_id: make_alone(params) for image_id, params in OTHERS.items()}
    assert freed


def test_rows_that_ran_out_of_memory_are_not_tried_again() -> None:
    asked: list[int] = []

    class Asked(SmallMemoryPipeline):
        def predict(self, states: Sequence[FakeState]) -> list[bytes]:
            asked.append(sum(state.next_call.rows for state in states if state.next_call))
            return super().predict(states)

    harness = WorkerHarness(lambda sleep: Asked(4, sleep))
    for image_id, params in OTHERS.items():
        harness.submit(image_id, params)
    harness.run()

    assert asked[:4] == [10, 4, 6, 2]
    assert max(asked[5:]) == 4


def test_an_image_too_large_for_memory_fails_and_the_next_is_served() -> None:
    harness = WorkerHarness(lambda sleep: SmallMemoryPipeline(1, sleep))
    harness.submit("guided", make_params())
    harness.turn(3)
    harness.submit("unguided", make_params(guidance_scale=1.0))
    harness.run()

    assert [(failed.image_id, failed.code) for failed in harness.sent(messages.Failed)] == [("guided", "out_of_memory")]
    assert harness.pixels == {"unguided": make_alone(make_params(guidance_scale=1.0))}


def test_an_image_is_tried_again_with_freed_memory() -> None:
    memory = SmallMemoryPipeline(1, lambda _: None)

    def free() -> None:
        memory._max_rows = 2

    harness = WorkerHarness(lambda _: memory, device=Device(free_memory=free))
    harness.submit("guided", make_params())
    harness.run()

    assert harness.pixels.keys() == {"guided"}


def test_an_error_that_breaks_the_device_ends_the_worker() -> None:
    harness = WorkerHarness(
        lambda sleep: FaultyPipeline(Trigger(Stage.PREDICT), sleep=sleep), device=Device(is_broken=lambda _: True)
    )
    harness.submit("bad", make_params("poison"))

    with pytest.raises(RuntimeError, match="poison"):
        harness.run()
    assert not harness.sent(messages.Failed)


def test_an_image_whose_preview_fails_is_finished_without_previews() -> None:
    class Blind(FakePipeline):
        def preview(self, state: FakeState) -> RgbImage:
            raise RuntimeError(SECRET)

    harness = WorkerHarness(lambda sleep: Blind(sleep=sleep))
    harness.submit("shown", make_params(), previews=2)
    harness.run()

    assert not harness.sent(messages.Preview)
    assert harness.pixels == {"shown": make_alone(make_params())}
