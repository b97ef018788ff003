"""An entry of the pool tells a model's place, names and costs."""

from __future__ import annotations

from dataclasses import replace

from pipelines.fake import FakePipeline
from service.engine.scheduling.residency import Demand
from service.engine.types import ModelStatus
from service.engine.worker.models.entry import DescribedModel, ModelEntry
from tests.harness.served.model_store import GB, MemoryCopy, MemoryStore, info_of


def test_a_model_is_where_it_was_last_put() -> None:
    entry = ModelEntry.of(DescribedModel("a", info_of("a"), GB))
    assert (entry.status, entry.source) == (ModelStatus.DISK, "disk")
    entry.loading = True
    assert entry.status is ModelStatus.LOADING
    entry.loading = False
    entry.arrive(FakePipeline(info=info_of("a")), 7.0)
    assert (entry.status, entry.needed_s) == (ModelStatus.RESIDENT, 7.0)
    entry.leave()
    entry.host_copy = MemoryCopy(MemoryStore(), "a", FakePipeline())
    assert (entry.status, entry.source) == (ModelStatus.HOST, "host")


def test_a_model_keeps_the_names_that_the_settings_gave_it() -> None:
    entry = ModelEntry.of(DescribedModel("a", replace(info_of("a"), aliases=("dall-e-3",)), GB))
    entry.arrive(FakePipeline(info=info_of("a")), 7.0)

    assert entry.info == replace(info_of("a"), aliases=("dall-e-3",))


def test_a_model_that_cannot_be_described_is_of_no_use() -> None:
    entry = ModelEntry.of(DescribedModel("a", None, failure="broken"))

    assert (entry.status, entry.failure) == (ModelStatus.FAILED, "broken")


def test_the_policy_sees_a_model_as_it_is() -> None:
    entry = ModelEntry.of(DescribedModel("a", info_of("a"), GB))
    entry.arrive(FakePipeline(info=info_of("a")), 7.0)
    entry.worked_s, entry.pinned = 3.0, True

    standing = entry.standing(Demand(begun=1), 0.0)

    assert (standing.resident, standing.pinned, standing.worked_s, standing.needed_s) == (True, True, 3.0, 7.0)
    assert (standing.size_bytes, standing.demand) == (GB, Demand(begun=1))
