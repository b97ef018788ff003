"""Models of an engine are found by name and alias, and pinned by messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.fake import INFO
from service.engine.config import WorkerConfig
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.models.served_models import ServedModels
from service.engine.interface import ModelWish
from service.engine.messages import LoadModel, ModelState, PinModel, UnloadModel
from service.engine.types import ModelStatus
from service.errors import ModelUnusableError, PinRefusedError, UnknownModelError
from tests.harness.engine.recording_link import RecordingLink

SECOND = replace(INFO, name="second", aliases=("nickname",))


@pytest.fixture
def workers() -> list[DeviceWorker]:
    return [DeviceWorker(index, RecordingLink(), WorkerConfig(model="fake")) for index in (0, 1)]


@pytest.fixture
def served(workers: list[DeviceWorker]) -> ServedModels:
    served = ServedModels(workers)
    served.learn((INFO, SECOND))
    return served


def tell(worker: DeviceWorker, name: str, status: ModelStatus, **fields: object) -> None:
    worker.models[name] = ModelState(name, status, **fields)  # type: ignore[arg-type]  # each test names fields of the right type, which mypy cannot know


def test_models_are_found_by_name_and_alias_and_the_default_by_none(served: ServedModels) -> None:
    assert served.find("") == served.default == INFO
    assert served.find("second") == served.find("nickname") == SECOND
    with pytest.raises(UnknownModelError):
        served.find("third")


def test_a_model_of_several_workers_is_the_best_that_it_is_in_any(
    served: ServedModels, workers: list[DeviceWorker]
) -> None:
    tell(workers[0], "second", ModelStatus.FAILED, reason="broken disk")
    tell(workers[1], "second", ModelStatus.LOADING, wait_s=3.0)

    assert [(model.name, model.status, model.wait_s) for model in served.listed()] == [
        (INFO.name, ModelStatus.DISK, 0.0),
        ("second", ModelStatus.LOADING, 3.0),
    ]
    assert served.find("second") == SECOND


def test_a_model_that_no_worker_can_use_is_listed_with_its_reason_and_refused(
    served: ServedModels, workers: list[DeviceWorker]
) -> None:
    for worker in workers:
        tell(worker, "broken", ModelStatus.FAILED, reason="/models/broken")

    (*_, model) = served.listed()
    assert (model.name, model.info, model.reason) == ("broken", None, "/models/broken")
    with pytest.raises(ModelUnusableError) as refused:
        served.find("broken")
    assert "/models" not in refused.value.message


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (ModelWish.LOAD, LoadModel("second")),
        (ModelWish.UNLOAD, UnloadModel("second")),
        (ModelWish.PIN, PinModel("second", pinned=True)),
        (ModelWish.UNPIN, PinModel("second", pinned=False)),
    ],
)
def test_a_wish_is_a_message(served: ServedModels, wish: ModelWish, message: object) -> None:
    assert served.message("second", wish) == message
    assert served.message("nickname", wish) == message
    with pytest.raises(UnknownModelError):
        served.message("third", wish)


def test_a_pin_for_which_a_worker_has_no_room_is_refused_with_the_models_name(
    served: ServedModels, workers: list[DeviceWorker]
) -> None:
    tell(workers[0], "second", ModelStatus.DISK)
    tell(workers[1], "second", ModelStatus.DISK, pinnable=False)

    with pytest.raises(PinRefusedError, match=r"^second cannot be pinned"):
        served.message("nickname", ModelWish.PIN)
    assert served.message("second", ModelWish.UNPIN) == PinModel("second", pinned=False)
