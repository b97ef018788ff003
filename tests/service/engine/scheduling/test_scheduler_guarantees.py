"""The scheduler's guarantees for any images, in any order, canceled at any moment."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.harness.engine.scheduler_harness import SchedulerHarness
from tests.harness.engine.worker_harness import CALL_S


class SchedulerMachine(RuleBasedStateMachine):
    """Adds, serves and cancels images in random order."""

    def __init__(self) -> None:
        super().__init__()
        self.harness = SchedulerHarness(max_state_bytes=100, knows_texts=False)

    @rule(
        steps=st.integers(1, 6),
        width=st.sampled_from([64, 96, 128]),
        guidance_scale=st.sampled_from([1.0, 4.0]),
        virtual_deadline_s=st.floats(0, 10),
        deadline_s=st.floats(0.125, 10) | st.just(math.inf),
        tenant=st.sampled_from("ab"),
        isolation=st.sampled_from(["", "", "suspects"]),
        state_bytes=st.integers(0, 60),
    )
    def add(self, **arguments: Any) -> None:
        self.harness.add(**arguments)

    @rule()
    def play(self) -> None:
        self.harness.play()

    @precondition(lambda self: self.harness.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.harness.end(data.draw(st.sampled_from(self.harness.open)))

    @invariant()
    def integrity_holds(self) -> None:
        self.harness.scheduler.check_integrity()

    def teardown(self) -> None:
        """Every image ends exactly once, and each call does some of the remaining work."""
        work = sum(image.params.steps + 2 for image in self.harness.open)
        for _ in range(work):
            self.harness.play()
        assert not self.harness.open
        assert set(self.harness.ended.values()) <= {1}
        assert len(self.harness.ended) == self.harness.added
        assert self.harness.scheduler.waiting == self.harness.scheduler.begun == 0


TestSchedulerMachine = SchedulerMachine.TestCase
TestSchedulerMachine.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


NEWCOMER = st.fixed_dictionaries(
    {"steps": st.integers(1, 4), "width": st.sampled_from([64, 96]), "virtual_deadline_s": st.floats(0, 1)}
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(NEWCOMER, max_size=3), min_size=1, max_size=5))
def test_no_stream_of_newcomers_starves_an_image(stream: list[list[dict[str, Any]]]) -> None:
    harness = SchedulerHarness()
    long = harness.add(steps=6, virtual_deadline_s=0.75)
    others: list[tuple[float, int]] = []
    for calls, newcomers in enumerate(itertools.cycle(stream)):
        for arguments in newcomers:
            others.append((harness.now_s + arguments["virtual_deadline_s"], arguments["steps"]))
            harness.add(**arguments)
        harness.play()
        # It waits for the calls of those with sooner deadlines than its final one.
        sooner = sum(steps + 1 for virtual_deadline_s, steps in others if virtual_deadline_s <= long.virtual_deadline_s)
        assert calls <= 7 + sooner
        if harness.ended[long.id]:
            break


WORK = st.lists(st.tuples(st.integers(1, 9), st.sampled_from([1.0, 4.0])), min_size=1, max_size=5)


@pytest.mark.parametrize("weight", [1.0, 3.0])
@settings(max_examples=10, deadline=None)
@given(ours=WORK, theirs=WORK)
def test_tenants_that_could_each_fill_the_device_get_time_by_their_weights(
    weight: float, ours: list[tuple[int, float]], theirs: list[tuple[int, float]]
) -> None:
    harness = SchedulerHarness(shares={"ours": weight})
    sources = {"ours": itertools.cycle(ours), "theirs": itertools.cycle(theirs)}
    for _ in range(30):
        for tenant, source in sources.items():
            while sum(image.tenant == tenant and not image.finished for image in harness.open) < 6:
                steps, guidance_scale = next(source)
                harness.add(steps=steps, guidance_scale=guidance_scale, tenant=tenant)
        harness.turn()

    assert abs(harness.served_s["ours"] / weight - harness.served_s["theirs"]) <= 2 * CALL_S


def test_a_tenant_of_weight_3_makes_three_times_the_steps_of_one_of_weight_1() -> None:
    harness, steps = SchedulerHarness(shares={"shop": 3.0}), Counter[str]()
    for _ in range(400):
        for tenant in ("shop", "lab"):
            while sum(image.tenant == tenant and not image.finished for image in harness.open) < 6:
                harness.add(tenant=tenant)
        steps.update(image.tenant for image in harness.turn())

    assert steps["shop"] == pytest.approx(3 * steps["lab"], rel=0.02)
    assert steps.total() == 2 * 400, "the device was full all the time"


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
def test_only_images_that_would_miss_their_deadline_alone_are_given_up(images: list[dict[str, Any]]) -> None:
    harness = SchedulerHarness()
    for arguments in images:
        harness.add(**arguments)
    while harness.open:
        before_s, known = harness.now_s, len(harness.late)
        harness.play()
        for image in harness.late[known:]:
            calls_left = image.params.steps - (image.state.calls_done if image.state else 0)
            assert before_s + calls_left * CALL_S > image.deadline_s
