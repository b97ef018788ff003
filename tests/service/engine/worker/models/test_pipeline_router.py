"""Each image is planned and made by the pipeline of its model."""

from __future__ import annotations

from dataclasses import replace

from pipelines.fake import FakePipeline
from pipelines.interface import finish_or_raise
from pipelines.progress import unreported
from service.engine.worker.models.pipeline_router import PipelineRouter
from tests.harness.engine.worker_harness import make_alone, make_params
from tests.harness.served.model_store import GB, PoolHarness


def make_router() -> tuple[PipelineRouter, PoolHarness]:
    harness = PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB)
    harness.pool.open(unreported)
    return PipelineRouter(harness.pool), harness


def test_an_image_is_planned_before_its_model_is_loaded() -> None:
    router, _ = make_router()
    params = replace(make_params(), model="b")

    assert {call.key.model for call in router.plan(params).calls} == {"b"}
    assert {key.model for key in router.texts(params)} == {"b"}


def test_an_image_without_a_model_is_the_default_ones() -> None:
    router, _ = make_router()

    assert {call.key.model for call in router.plan(make_params()).calls} == {"a"}
    assert router.info.name == "a"


def test_a_routed_image_is_what_its_own_pipeline_makes() -> None:
    router, _ = make_router()
    params = replace(make_params(), model="a")
    state = router.begin(params, router.encode(router.texts(params)))
    while state.next_call is not None:
        finish_or_raise(router.advance([state], router.predict([state])))

    assert router.decode([state])[0].pixels == make_alone(params)
    assert router.start_decode([state]).finish()[0].pixels == make_alone(params)
    assert router.preview(state) == FakePipeline().preview(state)
