"""Transfers load models, move them to the host, and measure how long this takes."""

from __future__ import annotations

from pipelines.fake import FakePipeline
from pipelines.model_info import ModelInfo
from service.engine.types import ModelStatus
from service.engine.worker.models.entry import DescribedModel, ModelEntry
from service.engine.worker.models.transfers import Transfers
from tests.harness.engine.worker_harness import Clock
from tests.harness.served.model_store import GB, ManualLoader, MemoryStore, broken, info_of


def entry_of(name: str) -> ModelEntry:
    return ModelEntry.of(DescribedModel(name, info_of(name), GB))


def make_transfers(store: MemoryStore, *, host_bytes: int = 0) -> tuple[Transfers, ManualLoader, Clock]:
    loader, clock = ManualLoader(), Clock()
    return Transfers(store, loader, host_bytes=host_bytes, clock=clock), loader, clock


def make_pipeline(info: ModelInfo) -> FakePipeline:
    return FakePipeline(info=info)


def test_a_load_is_timed_and_the_next_one_is_expected_to_take_as_long() -> None:
    transfers, loader, clock = make_transfers(MemoryStore(make=make_pipeline))
    model, other = entry_of("a"), entry_of("b")

    transfers.start(model, [], [other], "somebody")
    assert model.status is ModelStatus.LOADING
    clock.advance(7.0)
    assert transfers.collect() is None
    loader.finish()
    ended = transfers.collect()

    assert ended is not None
    assert (ended.seconds, ended.tenant, model.status) == (7.0, "somebody", ModelStatus.RESIDENT)
    transfers.drop(model)
    assert transfers.wait_s(model) == 7.0


def test_models_that_leave_are_gone_at_once_and_on_the_host_when_the_load_is_done() -> None:
    store = MemoryStore()
    transfers, loader, _ = make_transfers(store, host_bytes=GB)
    leaving, coming = entry_of("a"), entry_of("b")
    leaving.arrive(FakePipeline(info=info_of("a")), 0.0)

    transfers.start(coming, [leaving], [leaving], "")
    assert not leaving.resident
    loader.finish()
    transfers.collect()

    assert (leaving.status, coming.status) == (ModelStatus.HOST, ModelStatus.RESIDENT)
    assert store.log == ["to host a", "load b"]


def test_a_model_that_left_for_a_broken_one_stays_on_the_host() -> None:
    transfers, loader, _ = make_transfers(MemoryStore({"b": broken("b")}), host_bytes=GB)
    leaving, coming = entry_of("a"), entry_of("b")
    leaving.arrive(FakePipeline(info=info_of("a")), 0.0)

    transfers.start(coming, [leaving], [leaving], "")
    loader.finish()
    transfers.collect()

    assert (leaving.status, coming.status) == (ModelStatus.HOST, ModelStatus.FAILED)
    assert transfers.wait_s(coming) == 0.0


def test_only_the_load_that_is_under_way_can_be_canceled() -> None:
    transfers, loader, _ = make_transfers(MemoryStore())
    model, other = entry_of("a"), entry_of("b")
    transfers.start(model, [], [other], "")

    assert not transfers.cancel(other)
    assert transfers.cancel(model)
    loader.finish()
    transfers.collect()
    assert model.status is ModelStatus.DISK
