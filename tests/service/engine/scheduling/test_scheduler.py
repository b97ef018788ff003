"""The scheduler's decisions: turns between tenants, virtual deadlines, decodes and bounds."""

from __future__ import annotations

from service.engine.costs.cost_model import SizeCost
from service.engine.costs.cost_table import CostTable
from tests.harness.engine.scheduler_harness import MAX_BEGUN, SchedulerHarness


def test_a_flood_from_one_tenant_does_not_delay_another() -> None:
    harness = SchedulerHarness()
    for _ in range(50):
        harness.add(steps=9, virtual_deadline_s=0.1, tenant="flood")
    for _ in range(5):
        harness.turn()
    single = harness.add(steps=4, virtual_deadline_s=100.0, tenant="single")
    turns = 0
    while not harness.ended[single.id]:
        harness.turn()
        turns += 1

    assert turns <= 5


def test_one_tenant_cannot_hold_every_state() -> None:
    harness = SchedulerHarness()
    for width in range(64, 64 + 8 * 12, 8):
        harness.add(width=width, steps=50, tenant="broad")
    for _ in range(12):
        harness.turn()
    late = harness.add(virtual_deadline_s=100.0, tenant="late")

    assert late in harness.turn()


def test_the_earliest_virtual_deadlines_go_first() -> None:
    harness = SchedulerHarness()
    late = harness.add(virtual_deadline_s=3.0)
    early = harness.add(virtual_deadline_s=1.0)
    middle = harness.add(virtual_deadline_s=2.0)

    assert harness.turn() == [early, middle]
    assert late.state is None


def test_the_earliest_virtual_deadline_decides_the_size_of_the_next_call() -> None:
    harness = SchedulerHarness()
    harness.add(steps=9, virtual_deadline_s=5.0, width=64)
    harness.turn()
    harness.add(steps=2, virtual_deadline_s=1.0, width=96)
    harness.run()

    assert harness.widths == [64, 96, 96] + 8 * [64]


def test_an_image_displaced_by_a_more_urgent_one_keeps_its_state() -> None:
    harness = SchedulerHarness()
    first, second = harness.add(steps=9, virtual_deadline_s=8.0), harness.add(steps=9, virtual_deadline_s=9.0)
    harness.turn()
    urgent = harness.add(steps=1, virtual_deadline_s=0.5)

    assert harness.turn() == [urgent, first]
    assert harness.turn() == [first, second]
    assert second.begun_state.calls_done == 2


def test_a_late_image_moves_behind_those_that_can_meet_their_virtual_deadline() -> None:
    harness = SchedulerHarness()
    late = [harness.add(steps=8, virtual_deadline_s=0.9) for _ in range(2)]
    in_time = [harness.add(steps=4, virtual_deadline_s=1.0) for _ in range(2)]

    assert harness.turn() == in_time
    assert all(image.demoted for image in late)
    assert {image.virtual_deadline_s for image in late} == {4 * 0.9}


def test_a_virtual_deadline_moves_only_once() -> None:
    harness = SchedulerHarness()
    hopeless = harness.add(steps=8, virtual_deadline_s=0.0625)
    for _ in range(3):
        harness.turn()

    assert hopeless.virtual_deadline_s == 4 * 0.0625


SLOW_DECODE = CostTable((SizeCost(64, 64, calls=((1, 0.125), (5, 0.125)), decodes=((1, 0.5), (2, 1.0))),))


def test_a_slow_decode_is_followed_by_as_much_time_for_unet_calls() -> None:
    harness = SchedulerHarness(SLOW_DECODE)
    harness.add(steps=1)
    harness.add(steps=1)
    harness.add(steps=30, guidance_scale=1.0)
    for _ in range(4):
        harness.turn()
    assert harness.decodes == [1], "one image, because two would take longer than a call"

    harness.turn()
    assert harness.decodes == [1, 1]
    assert harness.now_s == 5 * 0.125 + 2 * 0.5


def test_a_decode_beside_which_nothing_was_denoised_leaves_no_debt() -> None:
    harness = SchedulerHarness(SLOW_DECODE)
    for _ in range(4):
        harness.add(steps=1, guidance_scale=1.0)
    harness.run()
    harness.add(steps=30)
    short = harness.add(steps=1)
    harness.turn()

    assert harness.ended[short.id] == 1


def test_images_that_finish_together_are_decoded_together_where_that_is_fast() -> None:
    harness = SchedulerHarness()
    for guidance_scale in (4.0, 4.0, 1.0):
        harness.add(steps=2, guidance_scale=guidance_scale)
    harness.turn()
    harness.turn()
    harness.turn()

    assert harness.decodes == [2, 1]


def test_a_finished_image_is_decoded_in_the_same_turn() -> None:
    harness = SchedulerHarness()
    harness.add(steps=9)
    short = harness.add(steps=1)
    harness.turn()

    assert harness.ended[short.id] == 1


def test_the_number_of_states_is_bounded_with_pending_decodes_included() -> None:
    harness = SchedulerHarness()
    for width in range(64, 64 + 8 * 12, 8):
        harness.add(width=width)
    for _ in range(20):
        harness.turn()
        assert harness.scheduler.begun <= MAX_BEGUN


def test_the_bytes_of_states_are_bounded_and_an_idle_worker_takes_one_image_of_any_size() -> None:
    harness = SchedulerHarness(max_begun_bytes=100)
    huge, small = (
        harness.add(virtual_deadline_s=1.0, state_bytes=1000),
        harness.add(virtual_deadline_s=2.0, state_bytes=60),
    )
    assert harness.turn() == [huge]
    other = harness.add(virtual_deadline_s=3.0, state_bytes=60)
    while not harness.ended[huge.id]:
        harness.turn()

    assert harness.turn() == [small]
    assert other.state is None
