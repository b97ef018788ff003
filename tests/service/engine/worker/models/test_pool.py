"""The pool loads what images need, within its memory, and never moves what is at work."""

from __future__ import annotations

import pytest

from pipelines.errors import ModelLoadError
from pipelines.progress import unreported
from service.engine.scheduling.residency import Demand
from service.engine.types import ModelStatus
from tests.harness.served.model_store import GB, PoolHarness, broken

WANTED = Demand(first=(0.0, 1.0), first_tenant="somebody")


def opened(harness: PoolHarness) -> PoolHarness:
    harness.pool.open(unreported)
    return harness


def is_settled(harness: PoolHarness) -> bool:
    return harness.pool.settled


def load(harness: PoolHarness, name: str) -> None:
    harness.pool.turn({name: WANTED})
    harness.loader.finish()
    harness.pool.turn({})


def test_the_first_model_that_can_be_used_is_the_default_one() -> None:
    harness = PoolHarness(
        {"none": GB, "bad": GB, "good": GB}, device_bytes=4 * GB, broken={"bad": broken("bad")}, undescribed=["none"]
    )

    assert harness.pool.open(unreported).info.name == "good"
    assert [info.name for info in harness.pool.infos] == ["good", "bad"]
    assert [harness.pool.serves(name) for name in ("", "good", "bad", "none", "other")] == [True, True, *[False] * 3]


def test_a_pool_whose_only_model_is_broken_cannot_be_opened() -> None:
    with pytest.raises(ModelLoadError, match="/models/a has no weights"):
        PoolHarness({"a": GB}, device_bytes=GB, broken={"a": broken("a")}).pool.open(unreported)


def test_a_model_is_loaded_when_an_image_waits_for_it_and_not_before() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB))
    harness.pool.turn({})
    assert not harness.loader.is_busy()

    harness.pool.turn({"b": WANTED})
    assert harness.status("b") is ModelStatus.LOADING
    assert not harness.pool.may_begin("b")
    harness.loader.finish()
    ended = harness.pool.turn({"b": WANTED})

    assert ended is not None
    assert (ended.entry.name, ended.tenant) == ("b", "somebody")
    assert [harness.pool.may_begin(name) for name in ("a", "b")] == [True, True]
    assert harness.store.log == ["load a", "load b"]


def test_a_model_that_has_begun_images_is_not_moved_but_begins_no_more() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=GB))

    harness.pool.turn({"a": Demand(begun=1), "b": WANTED})

    assert not harness.loader.is_busy()
    assert harness.pool.is_resident("a")
    assert not harness.pool.may_begin("a")
    harness.pool.turn({"b": WANTED})
    assert harness.loader.is_busy()
    assert not harness.pool.is_resident("a")


def test_a_model_that_would_have_left_begins_images_again_when_the_other_is_not_wanted_any_more() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=GB))
    harness.pool.turn({"a": Demand(begun=1), "b": WANTED})

    harness.pool.turn({"a": Demand(begun=1)})

    assert harness.pool.may_begin("a")


def test_a_model_that_leaves_goes_to_the_host_and_comes_back_from_there() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=GB, host_bytes=GB))

    load(harness, "b")
    assert (harness.status("a"), harness.status("b")) == (ModelStatus.HOST, ModelStatus.RESIDENT)
    load(harness, "a")

    assert harness.store.log == ["load a", "to host a", "load b", "to host b", "to device a"]


def test_the_host_drops_what_was_needed_least_recently() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB, "c": GB}, device_bytes=GB, host_bytes=GB))
    for name in ("b", "c"):
        harness.clock.advance(10.0)
        load(harness, name)

    assert [harness.status(name) for name in "abc"] == [ModelStatus.DISK, ModelStatus.HOST, ModelStatus.RESIDENT]


def test_without_room_on_the_host_a_model_is_dropped() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=GB))

    load(harness, "b")

    assert harness.status("a") is ModelStatus.DISK
    assert harness.store.log == ["load a", "load b"]


@pytest.mark.parametrize("error", [broken("b"), RuntimeError("something else")])
def test_a_model_that_cannot_be_loaded_fails_and_takes_no_other_with_it(error: Exception) -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB, broken={"b": error}))

    load(harness, "b")

    assert harness.status("b") is ModelStatus.FAILED
    assert (harness.pool.serves("a"), harness.pool.serves("b")) == (True, False)
    harness.pool.turn({})
    assert not harness.loader.is_busy()


def test_an_operator_may_have_a_failed_model_loaded_again() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB, broken={"b": broken("b")}))
    load(harness, "b")
    harness.store.broken = {}

    harness.pool.ask_for("b")
    harness.pool.turn({})
    harness.loader.finish()
    harness.pool.turn({})

    assert harness.status("b") is ModelStatus.RESIDENT


def test_a_load_can_be_canceled() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB))
    harness.pool.ask_for("b")
    harness.pool.turn({})

    harness.pool.dismiss("b")
    harness.loader.finish()
    harness.pool.turn({})

    assert harness.status("b") is ModelStatus.DISK
    assert harness.pool.serves("b")
    harness.pool.turn({})
    assert not harness.loader.is_busy()


def test_an_unloaded_model_first_finishes_what_it_has_begun() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB))
    harness.pool.dismiss("a")
    harness.pool.turn({"a": Demand(begun=1)})
    assert harness.pool.is_resident("a")
    assert not harness.pool.may_begin("a")

    harness.pool.turn({})

    assert harness.status("a") is ModelStatus.DISK


def test_a_pinned_model_stays_and_others_take_turns_beside_it() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB, "c": GB}, device_bytes=2 * GB))
    harness.pool.pin("a", pinned=True)
    for name in ("b", "c"):
        harness.clock.advance(10.0)
        load(harness, name)

    assert [harness.pool.is_resident(name) for name in "abc"] == [True, False, True]


def test_no_more_is_pinned_than_leaves_room_for_the_others() -> None:
    harness = opened(PoolHarness({"a": GB, "b": 2 * GB}, device_bytes=2 * GB))

    harness.pool.pin("a", pinned=True)

    assert not any(state.pinned or state.pinnable for state in harness.told[-2:])


def test_a_pin_tells_which_others_can_be_pinned_now() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB, "c": GB}, device_bytes=2 * GB))

    def pinnable() -> dict[str, bool]:
        return {state.name: state.pinnable for state in harness.told}

    harness.pool.pin("a", pinned=True)
    assert pinnable() == {"a": True, "b": False, "c": False}
    harness.pool.pin("a", pinned=False)
    assert pinnable() == {"a": True, "b": True, "c": True}


def test_the_wait_for_a_model_goes_down_as_it_loads() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB))
    before_s = harness.pool.wait_s("b")
    harness.pool.turn({"b": WANTED})
    harness.clock.advance(before_s / 2)
    harness.pool.tell_progress()

    assert harness.told[-1].wait_s == pytest.approx(before_s / 2)
    harness.clock.advance(10 * before_s)
    assert harness.pool.wait_s("b") == 0.0
    assert harness.pool.wait_s("a") == 0.0


def test_a_pool_is_settled_when_nothing_can_change() -> None:
    harness = opened(PoolHarness({"a": GB, "b": GB}, device_bytes=2 * GB))
    assert not is_settled(harness)

    load(harness, "b")

    assert is_settled(harness)
    harness.pool.dismiss("b")
    assert not is_settled(harness)
