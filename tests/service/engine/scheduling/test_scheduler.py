"""The scheduler's promises, for any images, in any order, canceled at any moment."""

from __future__ import annotations

import itertools
import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.engine.costs.cost_model import CostTable, SizeCost
from tests.harness.scheduler_harness import MAX_BEGUN, SchedulerHarness
from tests.harness.worker_harness import CALL_S


class AnyCourse(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.lane = SchedulerHarness()

    @rule(
        steps=st.integers(1, 6),
        width=st.sampled_from([64, 96, 128]),
        guidance_scale=st.sampled_from([1.0, 4.0]),
        virtual_deadline_s=st.floats(0, 10),
        deadline_s=st.floats(0.125, 10) | st.just(math.inf),
        tenant=st.sampled_from("ab"),
    )
    def add(self, **arguments: Any) -> None:
        self.lane.add(**arguments)

    @rule()
    def turn(self) -> None:
        self.lane.turn()

    @precondition(lambda self: self.lane.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.lane.end(data.draw(st.sampled_from(self.lane.open)))

    @invariant()
    def holds_together(self) -> None:
        self.lane.scheduler.check_integrity()

    def teardown(self) -> None:
        """Nobody is lost, nobody ends twice, and each turn does some of the work that is left."""
        work = sum(image.params.steps + 1 for image in self.lane.open)
        for _ in range(work):
            self.lane.turn()
        assert not self.lane.open
        assert set(self.lane.ended.values()) <= {1}
        assert len(self.lane.ended) == self.lane.added
        assert self.lane.scheduler.waiting == self.lane.scheduler.begun == 0


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


NEWCOMER = st.fixed_dictionaries(
    {"steps": st.integers(1, 4), "width": st.sampled_from([64, 96]), "virtual_deadline_s": st.floats(0, 1)}
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(NEWCOMER, max_size=3), min_size=1, max_size=5))
def test_no_stream_of_newcomers_starves_an_image(stream: list[list[dict[str, Any]]]) -> None:
    lane = SchedulerHarness()
    long = lane.add(steps=6, virtual_deadline_s=0.75)
    others: list[tuple[float, int]] = []
    for turns, newcomers in enumerate(itertools.cycle(stream)):
        for arguments in newcomers:
            others.append((lane.now_s + arguments["virtual_deadline_s"], arguments["steps"]))
            lane.add(**arguments)
        lane.turn()
        # It stands back for sooner deadlines than its last, and for what was begun before it.
        sooner = sum(steps for virtual_deadline_s, steps in others if virtual_deadline_s <= long.virtual_deadline_s)
        assert turns <= 6 + sooner + 4 * MAX_BEGUN
        if lane.ended[long.id]:
            break


WORK = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([1.0, 4.0])), min_size=1, max_size=5)


@settings(max_examples=10, deadline=None)
@given(WORK, WORK)
def test_tenants_who_could_each_fill_the_device_get_equal_time_of_it(
    ours: list[tuple[int, float]], theirs: list[tuple[int, float]]
) -> None:
    lane = SchedulerHarness(max_begun=1000)
    sources = {"ours": itertools.cycle(ours), "theirs": itertools.cycle(theirs)}
    for _ in range(30):
        for tenant, source in sources.items():
            while sum(image.tenant == tenant and not image.finished for image in lane.open) < 6:
                steps, guidance_scale = next(source)
                lane.add(steps=steps, guidance_scale=guidance_scale, tenant=tenant)
        lane.turn()

    assert abs(lane.had_s["ours"] - lane.had_s["theirs"]) <= 2 * CALL_S


def test_a_flood_of_one_tenant_does_not_hold_up_another() -> None:
    lane = SchedulerHarness()
    for _ in range(50):
        lane.add(steps=9, virtual_deadline_s=0.1, tenant="flood")
    for _ in range(5):
        lane.turn()
    drop = lane.add(steps=4, virtual_deadline_s=100.0, tenant="drop")
    turns = 0
    while not lane.ended[drop.id]:
        lane.turn()
        turns += 1

    assert turns <= 5


def test_one_tenant_leaves_states_for_the_next() -> None:
    lane = SchedulerHarness()
    for width in range(64, 64 + 8 * 12, 8):
        lane.add(width=width, steps=50, tenant="broad")
    for _ in range(12):
        lane.turn()
    late = lane.add(virtual_deadline_s=100.0, tenant="late")

    assert late in lane.turn()


def test_the_earliest_deadlines_go_first() -> None:
    lane = SchedulerHarness()
    late = lane.add(virtual_deadline_s=3.0)
    early = lane.add(virtual_deadline_s=1.0)
    middle = lane.add(virtual_deadline_s=2.0)

    assert lane.turn() == [early, middle]
    assert late.state is None


def test_the_earliest_deadline_has_the_next_call_whatever_its_size() -> None:
    lane = SchedulerHarness()
    lane.add(steps=9, virtual_deadline_s=5.0, width=64)
    lane.turn()
    lane.add(steps=2, virtual_deadline_s=1.0, width=96)
    lane.run()

    assert lane.widths == [64, 96, 96] + 8 * [64]


def test_a_newcomer_with_an_earlier_deadline_displaces_without_losing_state() -> None:
    lane = SchedulerHarness()
    first, second = lane.add(steps=9, virtual_deadline_s=8.0), lane.add(steps=9, virtual_deadline_s=9.0)
    lane.turn()
    urgent = lane.add(steps=1, virtual_deadline_s=0.5)

    assert lane.turn() == [urgent, first]
    assert lane.turn() == [first, second]
    assert second.begun.calls_done == 2


def test_an_image_that_does_not_fit_is_skipped_past() -> None:
    lane = SchedulerHarness()
    large, small = (
        lane.add(steps=9, virtual_deadline_s=3.0),
        lane.add(steps=9, virtual_deadline_s=4.0, guidance_scale=1.0),
    )
    lane.turn()
    first, second = lane.add(virtual_deadline_s=1.0), lane.add(virtual_deadline_s=2.0)

    assert lane.turn() == [first, second, small]
    assert large.begun.calls_done == 1


STEEP = CostTable((SizeCost(64, 64, calls=((1, 0.1), (2, 0.1), (4, 0.15)), decodes=((1, 0.0),)),))
"""Of a device on which company pays, and delays."""


def test_company_is_taken_only_as_far_as_the_more_urgent_can_bear() -> None:
    lane = SchedulerHarness(STEEP)
    urgent, patient = lane.add(steps=4, virtual_deadline_s=0.45), lane.add(steps=4, virtual_deadline_s=9.0)

    assert lane.turn() == [urgent]
    assert patient.state is None


def test_what_is_late_in_any_company_keeps_nobody_out() -> None:
    lane = SchedulerHarness(STEEP)
    late, patient = lane.add(steps=4, virtual_deadline_s=0.05), lane.add(steps=4, virtual_deadline_s=9.0)

    assert lane.turn() == [late, patient]


def test_an_image_that_has_missed_its_deadline_gives_way_once_to_those_that_can_meet_theirs() -> None:
    lane = SchedulerHarness()
    late = [lane.add(steps=8, virtual_deadline_s=0.9) for _ in range(2)]
    in_time = [lane.add(steps=4, virtual_deadline_s=1.0) for _ in range(2)]

    assert lane.turn() == in_time
    assert all(image.demoted for image in late)
    assert {image.virtual_deadline_s for image in late} == {4 * 0.9}


def test_a_second_deadline_stands_although_it_is_missed_too() -> None:
    lane = SchedulerHarness()
    hopeless = lane.add(steps=8, virtual_deadline_s=0.0625)
    for _ in range(3):
        lane.turn()

    assert hopeless.virtual_deadline_s == 4 * 0.0625


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "steps": st.integers(1, 8),
                "width": st.sampled_from([64, 96]),
                "virtual_deadline_s": st.floats(0, 3),
                "deadline_s": st.floats(0.01, 3),
                "tenant": st.sampled_from("ab"),
            }
        ),
        min_size=1,
        max_size=12,
    )
)
def test_only_what_could_not_be_finished_alone_is_given_up(images: list[dict[str, Any]]) -> None:
    lane = SchedulerHarness()
    for arguments in images:
        lane.add(**arguments)
    while lane.open:
        before_s, known = lane.now_s, len(lane.late)
        lane.turn()
        for image in lane.late[known:]:
            calls_left = image.params.steps - (image.state.calls_done if image.state else 0)
            assert before_s + calls_left * CALL_S > image.deadline_s


SLOW_DECODE = CostTable((SizeCost(64, 64, calls=((1, 0.125), (5, 0.125)), decodes=((1, 0.5), (2, 1.0))),))


def test_a_slow_decode_leaves_unet_calls_as_much_time_as_it_takes() -> None:
    lane = SchedulerHarness(SLOW_DECODE)
    lane.add(steps=1)
    lane.add(steps=1)
    lane.add(steps=30, guidance_scale=1.0)
    for _ in range(4):
        lane.turn()
    assert lane.decodes == [1], "one at a time, as two would take longer than a call"

    lane.turn()
    assert lane.decodes == [1, 1]
    assert lane.now_s == 5 * 0.125 + 2 * 0.5


def test_decodes_that_held_nobody_up_are_not_paid_for_later() -> None:
    lane = SchedulerHarness(SLOW_DECODE)
    for _ in range(4):
        lane.add(steps=1, guidance_scale=1.0)
    lane.run()
    lane.add(steps=30)
    short = lane.add(steps=1)
    lane.turn()

    assert lane.ended[short.id] == 1


def test_what_finishes_together_is_decoded_together_where_that_is_quick() -> None:
    lane = SchedulerHarness()
    for guidance_scale in (4.0, 4.0, 1.0):
        lane.add(steps=2, guidance_scale=guidance_scale)
    lane.turn()
    lane.turn()
    lane.turn()

    assert lane.decodes == [2, 1]


def test_a_finished_image_is_decoded_in_the_same_turn() -> None:
    lane = SchedulerHarness()
    lane.add(steps=9)
    short = lane.add(steps=1)
    lane.turn()

    assert lane.ended[short.id] == 1


def test_a_call_never_passes_the_knee() -> None:
    no_gain = SizeCost(64, 64, calls=((1, 0.1), (2, 0.15), (4, 0.3)), decodes=((1, 0.0),))
    lane = SchedulerHarness(CostTable((no_gain,)))
    for _ in range(4):
        lane.add()

    assert len(lane.turn()) == 1


def test_states_are_bounded_with_those_that_wait_for_their_decode() -> None:
    lane = SchedulerHarness()
    for width in range(64, 64 + 8 * 12, 8):
        lane.add(width=width)
    for _ in range(20):
        lane.turn()
        assert lane.scheduler.begun <= MAX_BEGUN


def test_states_are_bounded_in_bytes_and_an_idle_worker_takes_one_of_any_size() -> None:
    lane = SchedulerHarness(max_begun_bytes=100)
    huge, small = lane.add(virtual_deadline_s=1.0, state_bytes=1000), lane.add(virtual_deadline_s=2.0, state_bytes=60)
    assert lane.turn() == [huge]
    other = lane.add(virtual_deadline_s=3.0, state_bytes=60)
    while not lane.ended[huge.id]:
        lane.turn()

    assert lane.turn() == [small]
    assert other.state is None


def test_the_expected_end_counts_what_goes_before() -> None:
    lane = SchedulerHarness()
    first, second = lane.add(steps=4, virtual_deadline_s=1.0), lane.add(steps=4, virtual_deadline_s=2.0)
    third = lane.add(steps=8, virtual_deadline_s=3.0)
    lane.turn()
    etas_s = lane.scheduler.etas_s([first, second, third])

    assert etas_s[first] == 3 * CALL_S
    assert etas_s[first] <= etas_s[second] <= etas_s[third]
    lane.run()
    assert abs(etas_s[third] + CALL_S - lane.now_s) <= 0.25 * lane.now_s
