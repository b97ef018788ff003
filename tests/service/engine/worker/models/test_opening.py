from __future__ import annotations

from pipelines.fake import INFO, FakePipeline
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.models.opening import open_loaded, single_model


def test_a_single_model_is_resident_and_nothing_can_change() -> None:
    pool = single_model(FakePipeline())

    assert pool.settled
    assert pool.infos == (INFO,)
    assert pool.turn({}) is None
    assert pool.may_begin("")


def test_a_loaded_model_is_all_that_is_served() -> None:
    pipeline = FakePipeline()

    opened = open_loaded(pipeline, PLAIN_DEVICE)

    assert [model.name for model in opened.models] == [INFO.name]
    assert opened.store.load(INFO.name, lambda *_, **__: None) is pipeline
