"""What goes wrong with one image stays with that image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pipelines.errors import BlackImageError, NonFiniteError, NumericalError
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import RgbImage
from service.engine import messages
from service.engine.worker.device import Device
from tests.harness.faulty_pipeline import SECRET, FaultyPipeline, Kind, Stage, Trigger
from tests.harness.worker_harness import CALL_S, WorkerHarness, make_alone, make_params

STEPS = 4
MATES = {str(seed): make_params(f"mate {seed}", steps=STEPS, seed=seed) for seed in range(5)}
CODES = {Kind.RAISE: "generation_failed", Kind.MEMORY: "out_of_memory", Kind.NAN: "non_finite_result"}

TRIGGERS = [
    Trigger(stage, kind, step)
    for stage in Stage
    for kind in CODES
    for step in (range(STEPS) if stage in (Stage.PREDICT, Stage.ADVANCE) else [0])
]


class SmallMemoryPipeline(FakePipeline):
    """Runs out of memory beyond some rows."""

    def __init__(self, max_rows: int, sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self._max_rows = max_rows

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        if sum(state.next_call.rows for state in states if state.next_call) > self._max_rows:
            raise MemoryError
        return super().predict(states)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: f"{trigger.stage}-{trigger.kind}-{trigger.step}")
def test_a_poisonous_image_fails_alone(trigger: Trigger) -> None:
    rig = WorkerHarness(lambda sleep: FaultyPipeline(trigger, call_s=CALL_S, sleep=sleep))
    for position, (image_id, params) in enumerate(MATES.items()):
        if position == 2:
            rig.submit("bad", make_params("poison", steps=STEPS))
        rig.submit(image_id, params)
    rig.run()

    (failed,) = rig.sent(messages.Failed)
    assert (failed.image_id, failed.code) == ("bad", CODES[trigger.kind])
    assert SECRET not in failed.message
    assert rig.pixels == {image_id: make_alone(params) for image_id, params in MATES.items()}


class OverflowingPipeline(FakePipeline):
    """Its numbers overflow in one call of a fragile image, unless it is made in higher precision."""

    def __init__(self, stage: Stage, error: type[NumericalError], sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self._stage = stage
        self._error = error

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        self._visit(Stage.PREDICT, states)
        return super().predict(states)

    def advance(self, state: FakeState, output: bytes) -> None:
        self._visit(Stage.ADVANCE, [state])
        super().advance(state, output)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        self._visit(Stage.DECODE, states)
        return super().decode(states)

    def _visit(self, stage: Stage, states: Sequence[FakeState]) -> None:
        fragile = [
            position
            for position, state in enumerate(states)
            if "fragile" in state.params.prompt
            and not state.upcast
            and (state.calls_done == 2 or stage is Stage.DECODE)
        ]
        if stage is self._stage and fragile:
            raise self._error(tuple(fragile))


@pytest.mark.parametrize("error", [NonFiniteError, BlackImageError])
@pytest.mark.parametrize("stage", [Stage.PREDICT, Stage.ADVANCE, Stage.DECODE])
def test_an_image_whose_numbers_overflow_is_made_again_in_higher_precision(
    stage: Stage, error: type[NumericalError]
) -> None:
    rig = WorkerHarness(lambda sleep: OverflowingPipeline(stage, error, sleep))
    fragile = make_params("fragile", steps=STEPS)
    rig.submit("fragile", fragile, previews=1)
    for image_id, params in MATES.items():
        rig.submit(image_id, params)
    rig.run()

    assert [again.image_id for again in rig.sent(messages.Retried)] == ["fragile"]
    assert not rig.sent(messages.Failed)
    assert rig.pixels == {"fragile": make_alone(fragile)} | {
        image_id: make_alone(params) for image_id, params in MATES.items()
    }
    steps = [progress.step for progress in rig.sent(messages.Progress) if progress.image_id == "fragile"]
    assert steps == sorted(set(steps)), "no step is told twice"
    assert len(rig.sent(messages.Preview)) == 1


def test_what_overflows_in_higher_precision_too_fails_after_one_more_try() -> None:
    rig = WorkerHarness(lambda sleep: FaultyPipeline(Trigger(Stage.DECODE, Kind.NAN), call_s=CALL_S, sleep=sleep))
    rig.submit("bad", make_params("poison", steps=STEPS))
    rig.run()

    assert len(rig.calls) == 2 * STEPS
    assert [failed.code for failed in rig.sent(messages.Failed)] == ["non_finite_result"]


def test_calls_in_higher_precision_teach_nothing_of_what_others_cost() -> None:
    rig = WorkerHarness(lambda sleep: OverflowingPipeline(Stage.PREDICT, NonFiniteError, sleep))
    rig.submit("fragile", make_params("fragile", steps=STEPS))
    rig.run()

    assert [call.upcast for call in rig.sent(messages.CallDone)] == [False] * 3 + [True] * STEPS


def test_what_is_logged_of_a_failure_holds_no_text_of_the_exception(caplog: pytest.LogCaptureFixture) -> None:
    rig = WorkerHarness(lambda sleep: FaultyPipeline(Trigger(Stage.ADVANCE), sleep=sleep))
    rig.submit("bad", make_params("poison"))
    rig.run()

    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_params_that_the_model_refuses_name_their_field() -> None:
    rig = WorkerHarness()
    rig.submit("crooked", make_params(width=65))
    rig.submit("unknown", make_params(sampler="nonesuch"))
    rig.run()

    assert {(failed.image_id, failed.code, failed.field) for failed in rig.sent(messages.Failed)} == {
        ("crooked", "invalid_value", "width"),
        ("unknown", "invalid_value", "sampler"),
    }


def test_a_batch_too_large_for_memory_is_halved_until_it_fits() -> None:
    freed: list[None] = []
    rig = WorkerHarness(
        lambda sleep: SmallMemoryPipeline(4, sleep), device=Device(free_memory=lambda: freed.append(None))
    )
    for image_id, params in MATES.items():
        rig.submit(image_id, params)
    rig.run()

    assert rig.pixels == {image_id: make_alone(params) for image_id, params in MATES.items()}
    assert freed


def test_rows_that_ran_out_of_memory_are_not_tried_again() -> None:
    asked: list[int] = []

    class Asked(SmallMemoryPipeline):
        def predict(self, states: Sequence[FakeState]) -> list[bytes]:
            asked.append(sum(state.next_call.rows for state in states if state.next_call))
            return super().predict(states)

    rig = WorkerHarness(lambda sleep: Asked(4, sleep))
    for image_id, params in MATES.items():
        rig.submit(image_id, params)
    rig.run()

    assert asked[:4] == [10, 4, 6, 2]
    assert max(asked[5:]) == 4


def test_an_image_too_large_for_memory_fails_and_the_next_is_served() -> None:
    rig = WorkerHarness(lambda sleep: SmallMemoryPipeline(1, sleep))
    rig.submit("guided", make_params())
    rig.turn(2)
    rig.submit("unguided", make_params(guidance_scale=1.0))
    rig.run()

    assert [(failed.image_id, failed.code) for failed in rig.sent(messages.Failed)] == [("guided", "out_of_memory")]
    assert rig.pixels == {"unguided": make_alone(make_params(guidance_scale=1.0))}


def test_memory_freed_after_a_failure_is_tried_again() -> None:
    memory = SmallMemoryPipeline(1, lambda _: None)

    def free() -> None:
        memory._max_rows = 2

    rig = WorkerHarness(lambda _: memory, device=Device(free_memory=free))
    rig.submit("guided", make_params())
    rig.run()

    assert rig.pixels.keys() == {"guided"}


def test_an_error_that_the_device_does_not_survive_ends_the_worker() -> None:
    rig = WorkerHarness(
        lambda sleep: FaultyPipeline(Trigger(Stage.PREDICT), sleep=sleep), device=Device(is_broken=lambda _: True)
    )
    rig.submit("bad", make_params("poison"))

    with pytest.raises(RuntimeError, match="poison"):
        rig.run()
    assert not rig.sent(messages.Failed)


def test_a_preview_that_fails_costs_the_image_only_its_previews() -> None:
    class Blind(FakePipeline):
        def preview(self, state: FakeState) -> RgbImage:
            raise RuntimeError(SECRET)

    rig = WorkerHarness(lambda sleep: Blind(sleep=sleep))
    rig.submit("shown", make_params(), previews=2)
    rig.run()

    assert not rig.sent(messages.Preview)
    assert rig.pixels == {"shown": make_alone(make_params())}
