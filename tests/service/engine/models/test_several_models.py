"""LocalEngine with several models: loads beside the work, a small budget, a broken model, the operator's requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from pipelines.fake import INFO
from pipelines.interface import Stage
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, ModelSource, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import ImageLoading, ModelWish
from service.engine.messages import CallDone, FromWorker, ModelState, Ready
from service.engine.types import ModelStatus
from service.errors import ModelLoadingError, ModelUnusableError, UnknownModelError
from tests.harness.engine.fake_worker import MODEL_BYTES
from tests.harness.engine.local_engine import TIMEOUT_S, Observed, make_engine
from tests.harness.engine.worker_harness import make_alone, make_params

pytestmark = pytest.mark.integration


def of(model: str, **fields: Any) -> GenerationParams:
    return replace(make_params(**fields), model=model)


@asynccontextmanager
async def serving(
    *arguments: str, models: int = 1, others: tuple[str, ...] = ("second", "third"), **config: Any
) -> AsyncIterator[tuple[LocalEngine, Observed]]:
    """Starts an engine that holds so many models."""
    worker = WorkerConfig(
        model="fake",
        model_name=INFO.name,
        models=tuple(ModelSource(name, name) for name in others),
        max_model_bytes=models * MODEL_BYTES,
        warm_up_s=0.001,
    )
    engine, observed = make_engine(*arguments, worker=worker, **config)
    await engine.start()
    try:
        await observed.count(Ready, len(config.get("devices", ("cpu",))))
        await observed.until(lambda messages: sum(isinstance(each, ModelState) for each in messages) > len(others))
        yield engine, observed
    finally:
        await engine.stop()


def told(name: str, status: ModelStatus) -> Callable[[list[FromWorker]], bool]:
    """Returns whether the model's last event says this."""

    def holds(messages: list[FromWorker]) -> bool:
        states = [each for each in messages if isinstance(each, ModelState) and each.name == name]
        return bool(states) and states[-1].status is status

    return holds


async def test_images_of_several_models_are_made_in_turn_where_one_model_fits() -> None:
    images = [of(name, seed=seed) for seed in range(2) for name in (INFO.name, "second", "third")]
    async with serving("--call-s", "0.002") as (engine, observed):
        async with asyncio.timeout(TIMEOUT_S):
            results = [await job.result() for job in [engine.submit([params]) for params in images]]

    assert [finished.params for (finished,) in results] == images
    assert [finished.rgb_image.pixels for (finished,) in results] == [make_alone(params) for params in images]
    calls = [each for each in observed.messages if isinstance(each, CallDone)]
    assert {call.key.model for call in calls if call.key.stage is Stage.LOAD} >= {"second", "third"}


async def test_images_of_a_resident_model_go_on_while_another_is_loaded() -> None:
    async with serving("--load-s", "5", "--call-s", "0.002", models=2) as (engine, observed):
        waiting = engine.submit([of("second")])
        await observed.until(told("second", ModelStatus.LOADING))
        async with asyncio.timeout(TIMEOUT_S):
            await engine.submit([of(INFO.name, steps=2)]).result()
        assert not told("second", ModelStatus.RESIDENT)(observed.messages)
        event = await anext(aiter(waiting.events()))
        waiting.cancel()

    assert isinstance(event, ImageLoading)
    assert event.wait_s >= 0


async def test_a_broken_model_fails_its_own_images_and_no_others() -> None:
    async with serving("--broken", "second", models=2) as (engine, observed):
        job, other = engine.submit([of("second")]), engine.submit([of(INFO.name)])
        async with asyncio.timeout(TIMEOUT_S):
            with pytest.raises(ModelUnusableError):
                await job.result()
            await other.result()
        await observed.until(told("second", ModelStatus.FAILED))
        with pytest.raises(ModelUnusableError):
            engine.submit([of("second")])
        with pytest.raises(UnknownModelError):
            engine.submit([of("fourth")])
        assert [model.reason for model in engine.models if model.status is ModelStatus.FAILED] == [
            "/models/second is broken"
        ]


async def test_a_request_waits_for_its_model_for_a_bounded_time() -> None:
    async with serving("--load-s", "5", models=2, max_load_wait_s=0.2) as (engine, _):
        async with asyncio.timeout(TIMEOUT_S):
            with pytest.raises(ModelLoadingError):
                await engine.submit([of("second")]).result()


async def test_the_operator_loads_cancels_unloads_and_pins() -> None:
    async with serving("--load-s", "0.3", models=2) as (engine, observed):
        async with asyncio.timeout(TIMEOUT_S):
            engine.change_model("second", ModelWish.LOAD)
            await observed.until(told("second", ModelStatus.LOADING))
            engine.change_model("second", ModelWish.UNLOAD)
            await observed.until(told("second", ModelStatus.DISK))
            engine.change_model("second", ModelWish.PIN)
            await observed.until(told("second", ModelStatus.RESIDENT))
            await engine.submit([of("third")]).result()
            assert [model.status for model in engine.models] == [
                ModelStatus.DISK,
                ModelStatus.RESIDENT,
                ModelStatus.RESIDENT,
            ]


async def test_an_image_goes_to_the_device_that_has_its_model() -> None:
    async with serving("--load-s", "0.2", models=1, devices=("cpu", "cpu")) as (engine, observed):
        async with asyncio.timeout(TIMEOUT_S):
            await engine.submit([of("second")]).result()
            (holder,) = {
                worker
                for message, worker in zip(observed.messages, observed.workers, strict=True)
                if isinstance(message, ModelState)
                and message.name == "second"
                and message.status is ModelStatus.RESIDENT
            }
            for _ in range(3):
                await engine.submit([of("second")]).result()
                await engine.submit([of(INFO.name)]).result()

    loads = [
        each.key.model for each in observed.messages if isinstance(each, CallDone) and each.key.stage is Stage.LOAD
    ]
    assert loads == ["second"]
    assert holder in (0, 1)


def test_each_model_needs_a_name_of_its_own() -> None:
    with pytest.raises(ValueError, match="name of its own"):
        EngineConfig(worker=WorkerConfig(model="a", model_name="a", models=(ModelSource("a", "b"),)))
