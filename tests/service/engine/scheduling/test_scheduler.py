"""The scheduler's decisions: one order for all stages, turns between tenants, virtual deadlines and bounds."""

from __future__ import annotations

from pipelines.interface import CostKey, Stage
from service.engine.costs.cost_model import CostModel
from tests.harness.engine.scheduler_harness import MAX_DECODE, MAX_TEXTS, SchedulerHarness
from tests.harness.engine.worker_harness import CALL_S, make_costs

SIZES = [(64, 64), (96, 64)]
SLOW_DECODE = make_costs(
    {size: {1: CALL_S, 5: CALL_S} for size in SIZES}, {size: {1: 0.5, 2: 1.0} for size in SIZES}, {1: 0.0}
)
SLOW_TEXTS = make_costs(
    {size: {1: CALL_S, 5: CALL_S} for size in SIZES}, {size: {1: 0.0} for size in SIZES}, {1: 0.1, 2: 0.1, 4: 0.1}
)


def test_a_flood_from_one_tenant_does_not_delay_another() -> None:
    harness = SchedulerHarness()
    for _ in range(50):
        harness.add(steps=9, virtual_deadline_s=0.1, tenant="flood")
    for _ in range(5):
        harness.turn()
    single = harness.add(steps=4, virtual_deadline_s=100.0, tenant="single")
    start_s = harness.now_s
    while not harness.ended[single.id]:
        harness.play()

    assert harness.now_s - start_s <= 5 * CALL_S


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

    assert [batch.cost.width for batch in harness.calls(Stage.DENOISE)] == [64, 96, 96] + 8 * [64]


def test_a_callers_deadline_gives_no_precedence() -> None:
    harness = SchedulerHarness()
    polite = [harness.add(steps=4, virtual_deadline_s=3.0) for _ in range(2)]
    harness.add(steps=4, virtual_deadline_s=3.5, deadline_s=2.0)

    assert harness.turn() == polite


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


def test_decodes_keep_to_the_order_of_the_virtual_deadlines() -> None:
    harness = SchedulerHarness(SLOW_DECODE)
    for _ in range(8):
        harness.add(steps=1, virtual_deadline_s=60.0)
    for _ in range(4):
        harness.turn()
    urgent = harness.add(steps=1, virtual_deadline_s=2.0)
    start_s = harness.now_s
    while not harness.ended[urgent.id]:
        harness.play()

    assert harness.now_s - start_s == CALL_S + 0.5


def test_decodes_are_charged_to_their_tenants() -> None:
    harness = SchedulerHarness(SLOW_DECODE)
    for tenant in ("a", "b"):
        for _ in range(12):
            harness.add(steps=1, tenant=tenant)
    for _ in range(18):
        harness.play()

    assert abs(harness.served_s["a"] - harness.served_s["b"]) <= 1.0 + CALL_S


def test_images_that_finish_together_are_decoded_together_up_to_the_knee() -> None:
    harness = SchedulerHarness()
    for guidance_scale in (4.0, 4.0, 1.0):
        harness.add(steps=2, guidance_scale=guidance_scale)
    harness.run()

    assert [len(batch.images) for batch in harness.calls(Stage.DECODE)] == [MAX_DECODE, 1]


def test_only_the_texts_of_the_next_batch_are_encoded_and_no_more_than_the_knee() -> None:
    harness = SchedulerHarness(SLOW_TEXTS, knows_texts=False)
    urgent = harness.add(virtual_deadline_s=5.0)
    for width in (64, 96):
        for _ in range(20):
            harness.add(width=width, virtual_deadline_s=50.0)
    harness.turn()

    texts = [batch for batch in harness.made if batch.key.stage is Stage.TEXT]
    assert urgent in texts[0].images
    assert sum(batch.rows for batch in texts) <= MAX_TEXTS
    assert all(image.params.width == 64 for batch in texts for image in batch.images)


def test_texts_are_encoded_before_an_image_takes_part_in_a_call() -> None:
    harness = SchedulerHarness(SLOW_TEXTS, knows_texts=False)
    image = harness.add(steps=1)
    harness.run()

    assert [batch.key.stage for batch in harness.made] == [Stage.TEXT, Stage.DENOISE, Stage.DECODE]
    assert harness.ended[image.id] == 1


def test_stages_that_run_beside_others_are_chosen_apart() -> None:
    harness = SchedulerHarness(beside=frozenset({Stage.DECODE}))
    finished, other = harness.add(steps=1, virtual_deadline_s=1.0), harness.add(steps=3, virtual_deadline_s=9.0)
    harness.turn()
    batch, beside = harness.scheduler.choose(harness.now_s), harness.scheduler.choose_beside(harness.now_s)

    assert batch is not None
    assert beside is not None
    assert (list(batch.images), list(beside.images)) == ([other], [finished])


def test_an_image_that_is_held_is_not_chosen_until_it_is_updated() -> None:
    harness = SchedulerHarness()
    image = harness.add(steps=1)
    harness.turn()
    harness.scheduler.hold([image])
    assert harness.scheduler.choose(harness.now_s) is None

    harness.scheduler.update(image)
    batch = harness.scheduler.choose(harness.now_s)
    assert batch is not None
    assert batch.key.stage is Stage.DECODE


def test_an_image_whose_decode_is_under_way_is_not_given_up() -> None:
    harness = SchedulerHarness(SLOW_DECODE)
    image = harness.add(steps=1, deadline_s=CALL_S + 0.75)
    harness.turn()
    image.decoding = True

    assert not harness.scheduler.expire_and_demote(harness.now_s + 0.5)
    image.decoding = False
    assert harness.scheduler.expire_and_demote(harness.now_s + 0.5) == [image]


def test_marked_images_share_calls_only_with_images_of_the_same_mark() -> None:
    harness = SchedulerHarness()
    marked = [harness.add(isolation="suspects", steps=1, guidance_scale=1.0) for _ in range(2)]
    plain = harness.add(steps=1, virtual_deadline_s=2.0)

    assert harness.turn() == marked
    assert harness.turn() == [plain]


def test_without_leave_to_begin_only_begun_images_are_served() -> None:
    harness = SchedulerHarness()
    begun = harness.add(steps=4, virtual_deadline_s=5.0)
    harness.turn()
    harness.add(steps=4, virtual_deadline_s=1.0)
    batch = harness.scheduler.choose(harness.now_s, may_begin=False)

    assert batch is not None
    assert list(batch.images) == [begun]


def test_an_idle_worker_takes_one_image_of_any_size() -> None:
    harness = SchedulerHarness(max_state_bytes=100)
    huge = harness.add(virtual_deadline_s=1.0, state_bytes=1000)
    harness.add(virtual_deadline_s=2.0, state_bytes=60)

    assert harness.turn() == [huge]


def test_the_most_urgent_image_finds_room_though_batch_work_has_filled_its_part() -> None:
    harness = SchedulerHarness(max_state_bytes=1000)
    for width in range(64, 64 + 8 * 40, 8):
        harness.add(width=width, steps=50, virtual_deadline_s=90.0, state_bytes=90)
    for _ in range(40):
        harness.turn()
    urgent = harness.add(steps=2, virtual_deadline_s=2.0, state_bytes=90)

    assert harness.turn()[0] is urgent


class CountingCosts(CostModel):
    """Counts how often it is asked."""

    asked = 0

    def seconds(self, key: CostKey, count: int) -> float:
        type(self).asked += 1
        return super().seconds(key, count)


def test_a_choice_asks_the_cost_model_about_one_group_however_many_there_are() -> None:
    """Scheduling took 15 ms a turn with 256 sizes waiting when every size formed a batch."""

    def questions(sizes: int) -> int:
        harness = SchedulerHarness(cost_model=CountingCosts)
        for number in range(256):
            harness.add(width=64 + 8 * (number % sizes), virtual_deadline_s=500.0)
        before = CountingCosts.asked
        harness.scheduler.choose(0.0)
        return CountingCosts.asked - before

    assert questions(256) <= questions(1)
