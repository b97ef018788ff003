"""Images take room for their states: the most urgent one always, and one tenant never all of it."""

from __future__ import annotations

from pipelines.fake import FakeState
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.state_room import StateRoom
from tests.harness.engine.scheduler_harness import PIPELINE, SchedulerHarness


def make_image(state_bytes: int, *, tenant: str = "", begun: bool = False) -> ScheduledImage[FakeState]:
    image = SchedulerHarness().add(state_bytes=state_bytes, tenant=tenant)
    if begun:
        image.state = PIPELINE.begin(image.params, [b""] * len(PIPELINE.texts(image.params)))
    return image


def make_room(*held: ScheduledImage[FakeState], may_begin: bool = True) -> StateRoom:
    return StateRoom(held, 100, may_begin=lambda _: may_begin)


def test_the_most_urgent_image_may_take_what_others_may_not() -> None:
    room = make_room(make_image(50, begun=True, tenant="a"))

    assert not room.admits(make_image(40, tenant="b"))
    assert room.admits_head(make_image(40, tenant="b"))
    assert not room.admits_head(make_image(60, tenant="b"))


def test_one_tenant_cannot_take_the_whole_shared_part() -> None:
    room = make_room(make_image(50, begun=True, tenant="a"))

    assert not room.admits(make_image(20, tenant="a"))
    assert room.admits(make_image(20, tenant="b"))


def test_room_that_was_taken_is_gone() -> None:
    room = make_room()
    first = make_image(40, tenant="a")
    room.take(first)

    assert room.admits(make_image(40, tenant="b"))
    room.take(make_image(40, tenant="b"))
    assert not room.admits(make_image(10, tenant="c"))


def test_an_image_that_has_begun_needs_no_room() -> None:
    begun = make_image(1000, begun=True)
    room = make_room(begun, may_begin=False)

    assert room.admits(begun)
    assert room.admits_head(begun)
    assert not room.admits_head(make_image(0))


def test_an_empty_room_takes_any_image() -> None:
    assert make_room().admits_head(make_image(1000))
