"""An image that is handed over leaves its model's calls, and takes part in those of its refiner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pipelines.errors import NonFiniteError
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import CompletedAdvance, PendingAdvance, RgbImage, Stage
from pipelines.params import Refiner
from service.engine import messages
from service.engine.types import ModelStatus
from service.engine.worker.stages import kept_pixels
from service.errors import ModelUnusableError
from tests.harness.engine import uploads
from tests.harness.engine.worker_harness import make_params
from tests.harness.served.model_store import broken
from tests.harness.served.several_models import SeveralModels

REFINED = {"refiner": Refiner(model="b", switch_at=0.5)}


def resident(**options: Any) -> SeveralModels:
    """Returns a pipeline whose two models are both resident."""
    worker = SeveralModels(models=2, **options)
    worker.submit("warm", "b", steps=1)
    worker.turn(2)
    worker.pool.loader.finish()
    worker.turn(6)
    assert worker.finished == ["warm"]
    worker.channel.sent.clear()
    return worker


def models_of_calls(worker: SeveralModels, stage: Stage) -> list[tuple[str, int]]:
    return [(call.key.model, call.images) for call in worker.sent(messages.CallDone) if call.key.stage is stage]


def test_each_model_makes_its_steps_beside_its_own_images() -> None:
    worker = resident()
    worker.submit("refined", "a", steps=4, fields=REFINED)
    worker.submit("of a", "a", steps=2)
    worker.turn(3)
    worker.submit("of b", "b", steps=2)
    worker.turn(12)

    assert sorted(worker.finished) == ["of a", "of b", "refined"]
    assert models_of_calls(worker, Stage.DENOISE) == [("a", 2), ("a", 2), ("b", 2), ("b", 2)]
    assert {model for model, _ in models_of_calls(worker, Stage.DECODE)} == {"a", "b"}


def test_the_steps_of_both_models_are_one_progress_and_one_time() -> None:
    worker = resident()
    worker.submit("refined", "a", steps=4, fields=REFINED, previews=3)
    worker.turn(14)

    assert [(each.step, each.steps) for each in worker.sent(messages.Progress)] == [(n, 4) for n in (1, 2, 3, 4)]
    assert [preview.step for preview in worker.sent(messages.Preview)] == [1, 2, 3]
    (finished,) = worker.sent(messages.Finished)
    assert finished.timings.denoise_s > 2 * finished.timings.decode_s
    assert len(worker.sent(messages.Started)) == 1


def test_where_one_model_has_room_the_first_leaves_before_the_refiner_comes() -> None:
    worker = SeveralModels(models=1)
    worker.submit("refined", "a", steps=4, fields=REFINED)
    worker.turn(8)
    assert worker.statuses("a")[-1] is not ModelStatus.RESIDENT
    assert worker.pool.loader.is_busy()
    assert worker.finished == []

    worker.pool.loader.finish()
    worker.turn(8)

    assert worker.finished == ["refined"]
    assert models_of_calls(worker, Stage.DENOISE) == [("a", 1), ("a", 1), ("b", 1), ("b", 1)]


def test_an_image_can_be_canceled_while_it_waits_for_its_refiner() -> None:
    worker = SeveralModels(models=1)
    worker.submit("refined", "a", steps=4, fields=REFINED)
    worker.turn(8)
    worker.channel.inbox.append(messages.Cancel("refined"))
    worker.turn(1)
    worker.pool.loader.finish()
    worker.turn(4)

    assert [canceled.image_id for canceled in worker.sent(messages.Canceled)] == ["refined"]
    assert worker.finished == []


def test_an_image_whose_refiner_turns_out_to_be_broken_fails_alone() -> None:
    worker = SeveralModels(models=2, broken={"b": broken("b")})
    worker.submit("hopeless", "a", steps=4, fields=REFINED)
    worker.submit("fine", "a", steps=4)
    worker.turn(6)
    worker.pool.loader.finish()
    worker.turn(8)
    worker.submit("late", "a", steps=4, fields=REFINED)
    worker.turn(2)

    assert worker.finished == ["fine"]
    assert [(failed.image_id, failed.code) for failed in worker.sent(messages.Failed)] == [
        ("hopeless", ModelUnusableError.code),
        ("late", ModelUnusableError.code),
    ]


class OverflowingPipeline(FakePipeline):
    """Each model overflows once in each image, in its first call."""

    def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
        bad = [state.calls_done == 0 and not state.upcast for state in states]
        super().advance(states, outputs)
        return CompletedAdvance([NonFiniteError((n,)) if each else None for n, each in enumerate(bad)])


def test_an_image_that_overflows_begins_again_with_the_model_in_which_it_did() -> None:
    worker = resident(pipeline_class=OverflowingPipeline)
    worker.submit("refined", "a", steps=4, fields=REFINED)
    worker.turn(20)

    assert worker.finished == ["refined"]
    assert len(worker.sent(messages.Retried)) == 2
    assert [model for model, _ in models_of_calls(worker, Stage.DENOISE)] == ["a"] * 3 + ["b"] * 3
    assert [(each.step, each.steps) for each in worker.sent(messages.Progress)] == [(n, 4) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("switch_at", [0.25, 0.75])
def test_the_pixels_are_those_of_both_models_whatever_else_is_made(switch_at: float) -> None:
    refined = {"refiner": Refiner(model="b", switch_at=switch_at)}
    alone, together = resident(), resident()
    alone.submit("x", "a", fields=refined)
    alone.turn(14)
    together.submit("other", "b", steps=9)
    together.submit("x", "a", fields=refined)
    together.turn(30)

    (pixels,) = [each.pixels for each in alone.sent(messages.Finished)]
    assert pixels in [each.pixels for each in together.sent(messages.Finished)]


def test_what_the_mask_keeps_is_put_back_after_the_refiner() -> None:
    masked = {"image": uploads.IMAGE, "mask": uploads.MASK, **REFINED}
    worker = resident()
    worker.submit("plain", "a", fields=masked)
    worker.submit("kept", "a", fields={**masked, "keep_unmasked": True})
    worker.turn(20)

    pixels = {each.image_id: each.pixels for each in worker.sent(messages.Finished)}
    params = make_params(image=uploads.IMAGE, mask=uploads.MASK)
    made = RgbImage(params.width, params.height, pixels["plain"])
    assert pixels["kept"] == kept_pixels.put_back(made, *uploads.inputs_of(params)).pixels != pixels["plain"]
