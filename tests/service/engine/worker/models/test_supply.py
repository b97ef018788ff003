"""A worker with several models: loads begin beside the calls, and images hear of it."""

from __future__ import annotations

import math

import pytest

from pipelines.fake import INFO
from pipelines.interface import Stage
from service.engine import messages
from service.engine.types import ModelStatus
from service.errors import ModelLoadingError, ModelUnusableError
from tests.harness.served.model_store import broken
from tests.harness.served.several_models import SeveralModels


def test_an_image_waits_for_its_model_while_others_are_made() -> None:
    worker = SeveralModels(models=2)
    worker.submit("waits", "b")
    worker.submit("goes on", "a")
    worker.turn(12)
    assert worker.finished == ["goes on"]

    worker.pool.loader.finish()
    worker.turn(12)

    assert worker.finished == ["goes on", "waits"]
    assert worker.statuses("b") == [ModelStatus.LOADING, ModelStatus.RESIDENT]
    (load,) = [call for call in worker.sent(messages.CallDone) if call.key.stage is Stage.LOAD]
    assert (load.key.model, load.key.variant, load.sound) == ("b", "disk", False)


def test_a_model_leaves_only_after_it_has_finished_what_it_has_begun() -> None:
    worker = SeveralModels(models=1)
    worker.submit("begun", "a", steps=6)
    worker.turn(2)
    worker.submit("waits", "b")
    worker.turn(1)
    assert not worker.pool.loader.is_busy()

    worker.turn(20)

    assert worker.finished == ["begun"]
    assert worker.pool.loader.is_busy()
    worker.pool.loader.finish()
    worker.turn(20)
    assert worker.finished == ["begun", "waits"]


def test_images_of_a_model_that_left_have_their_texts_encoded_again_when_it_is_back() -> None:
    worker = SeveralModels(models=1)
    for image_id, model in (("1", "a"), ("2", "b"), ("3", "a")):
        worker.submit(image_id, model)
        worker.turn(20)
        if worker.pool.loader.is_busy():
            worker.pool.loader.finish()
            worker.turn(20)

    assert worker.finished == ["1", "2", "3"]
    assert len([call for call in worker.sent(messages.CallDone) if call.key.stage is Stage.TEXT]) == 3


def test_the_images_of_a_broken_model_fail_and_no_others() -> None:
    worker = SeveralModels(models=2, broken={"b": broken("b")})
    worker.submit("hopeless", "b")
    worker.submit("fine", "a")
    worker.turn(1)
    worker.pool.loader.finish()
    worker.turn(12)
    worker.submit("late", "b")
    worker.turn(2)

    assert [(failed.image_id, failed.code) for failed in worker.sent(messages.Failed)] == [
        ("hopeless", ModelUnusableError.code),
        ("late", ModelUnusableError.code),
    ]
    assert "/models" not in str(worker.sent(messages.Failed))
    assert worker.finished == ["fine"]


def test_an_image_waits_for_its_model_no_longer_than_it_may() -> None:
    worker = SeveralModels(models=2)
    worker.submit("bounded", "b", max_load_wait_s=10.0)
    worker.submit("patient", "b")
    worker.turn(1)
    worker.clock.advance(11.0)
    worker.turn(1)

    assert [(failed.image_id, failed.code) for failed in worker.sent(messages.Failed)] == [
        ("bounded", ModelLoadingError.code)
    ]


def test_an_image_that_cannot_wait_for_the_load_by_its_deadline_fails_at_once() -> None:
    worker = SeveralModels(models=2)
    worker.submit("urgent", "b", deadline_s=worker.pool.pool.wait_s("b") / 2)
    worker.turn(1)

    assert [failed.image_id for failed in worker.sent(messages.Failed)] == ["urgent"]


def test_the_estimate_of_a_load_goes_down_with_every_beat() -> None:
    worker = SeveralModels(models=2)
    worker.submit("waits", "b")
    for _ in range(8):
        worker.turn(1)
        worker.clock.advance(0.4)
    waits_s = [state.wait_s for state in worker.sent(messages.ModelState) if state.name == "b"]

    assert len(waits_s) >= 2
    assert waits_s == sorted(waits_s, reverse=True)
    assert all(0 <= wait_s < math.inf for wait_s in waits_s)


@pytest.mark.parametrize("message", [messages.LoadModel("b"), messages.PinModel("b", pinned=True)])
def test_the_operator_has_a_model_loaded_that_no_image_waits_for(
    message: messages.LoadModel | messages.PinModel,
) -> None:
    worker = SeveralModels(models=2)
    worker.channel.inbox.append(message)
    worker.turn(1)
    worker.pool.loader.finish()
    worker.turn(1)

    assert worker.statuses("b")[-1] is ModelStatus.RESIDENT
    worker.channel.inbox.append(messages.UnloadModel("b"))
    worker.turn(1)
    assert worker.statuses("b")[-1] is ModelStatus.DISK
    assert INFO.name not in worker.statuses("a")
