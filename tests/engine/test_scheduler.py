"""The scheduler's promises, for any pictures, in any order, canceled at any moment."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import Key
from service.engine.job import Picture
from service.engine.scheduler import Scheduler
from tests.engine.rig import CALL_S, make_params

MAX_ROWS = 5
MAX_BEGUN = 7
MAX_DECODE = 2
PIPELINE = FakePipeline()


class Lane:
    """A scheduler, and the worker's part played out on it."""

    def __init__(self) -> None:
        self.scheduler: Scheduler[FakeState] = Scheduler(max_rows=MAX_ROWS, max_begun=MAX_BEGUN, max_decode=MAX_DECODE)
        self.now_s = 0.0
        self.added = 0
        self.open: list[Picture[FakeState]] = []
        self.ended: Counter[str] = Counter()
        self.keys: list[Key] = []
        """Of the calls made."""

    def add(
        self, *, steps: int = 4, width: int = 64, guidance_scale: float = 4.0, deadline_s: float = 1.0
    ) -> Picture[FakeState]:
        self.added += 1
        picture: Picture[FakeState] = Picture(
            id=str(self.added),
            params=make_params(steps=steps, width=width, guidance_scale=guidance_scale),
            arrived_s=self.now_s,
            deadline_s=self.now_s + deadline_s,
        )
        self.scheduler.add(picture)
        self.open.append(picture)
        return picture

    def end(self, picture: Picture[FakeState]) -> None:
        self.scheduler.remove(picture)
        self.open.remove(picture)
        self.ended[picture.id] += 1

    def turn(self) -> list[Picture[FakeState]]:
        """Begin, call and decode what the scheduler chooses; the pictures of the call."""
        for picture in self.scheduler.choose_begin():
            picture.state = PIPELINE.begin(picture.params, b"", b"")
            self.scheduler.begin(picture)
        call = self.scheduler.choose_call()
        if call:
            self._make(call)
        decode = self.scheduler.choose_decode()
        assert len({picture.size for picture in decode}) <= 1
        assert len(decode) <= MAX_DECODE
        for picture in decode:
            self.end(picture)
        return call

    def _make(self, call: list[Picture[FakeState]]) -> None:
        assert len({picture.id for picture in call}) == len(call)
        assert sum(picture.rows for picture in call) <= MAX_ROWS
        (key,) = {picture.demand.key for picture in call}
        for picture in call:
            PIPELINE.advance(picture.begun, b"")
            if picture.begun.demand is None:
                self.scheduler.finish(picture)
        self.now_s += CALL_S
        self.keys.append(key)
        self.scheduler.charge(key, CALL_S)


class AnyCourse(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.lane = Lane()

    @rule(
        steps=st.integers(1, 6),
        width=st.sampled_from([64, 96, 128]),
        guidance_scale=st.sampled_from([1.0, 4.0]),
        deadline_s=st.floats(0, 10),
    )
    def add(self, steps: int, width: int, guidance_scale: float, deadline_s: float) -> None:
        self.lane.add(steps=steps, width=width, guidance_scale=guidance_scale, deadline_s=deadline_s)

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
        work = sum(picture.params.steps + 1 for picture in self.lane.open)
        for _ in range(work):
            self.lane.turn()
        assert not self.lane.open
        assert set(self.lane.ended.values()) <= {1}
        assert len(self.lane.ended) == self.lane.added
        assert self.lane.scheduler.waiting == self.lane.scheduler.begun == 0


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


NEWCOMER = st.fixed_dictionaries(
    {"steps": st.integers(1, 4), "width": st.sampled_from([64, 96]), "deadline_s": st.floats(0, 1)}
)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(NEWCOMER, max_size=3), min_size=1, max_size=5))
def test_no_stream_of_newcomers_starves_a_picture(stream: list[list[dict[str, Any]]]) -> None:
    lane = Lane()
    long = lane.add(steps=20, deadline_s=4.0)
    sooner = 0
    for turns, newcomers in enumerate(itertools.cycle(stream)):
        added = [lane.add(**arguments) for arguments in newcomers]
        sooner += sum(picture.params.steps for picture in added if picture.deadline_s <= long.deadline_s)
        lane.turn()
        # It stands back only for sooner deadlines, and every second call is of its size.
        assert turns <= 2 * (20 + sooner) + 4
        if lane.ended[long.id]:
            break


def test_within_a_size_the_earliest_deadlines_go_first() -> None:
    lane = Lane()
    late = lane.add(deadline_s=3.0)
    early = lane.add(deadline_s=1.0)
    middle = lane.add(deadline_s=2.0)

    assert lane.turn() == [early, middle]
    assert late.state is None


def test_a_newcomer_with_an_earlier_deadline_displaces_without_losing_state() -> None:
    lane = Lane()
    first, second = lane.add(steps=9, deadline_s=8.0), lane.add(steps=9, deadline_s=9.0)
    lane.turn()
    urgent = lane.add(steps=1, deadline_s=0.5)

    assert lane.turn() == [urgent, first]
    assert lane.turn() == [first, second]
    assert second.begun.calls_done == 2


def test_a_picture_that_does_not_fit_is_skipped_past() -> None:
    lane = Lane()
    large, small = lane.add(steps=9, deadline_s=3.0), lane.add(steps=9, deadline_s=4.0, guidance_scale=1.0)
    lane.turn()
    first, second = lane.add(deadline_s=1.0), lane.add(deadline_s=2.0)

    assert lane.turn() == [first, second, small]
    assert large.begun.calls_done == 1


def test_keys_share_the_device_equally_however_many_pictures_they_have() -> None:
    lane = Lane()
    for _ in range(4):
        lane.add(steps=30, width=64)
    lane.add(steps=30, width=96)
    lane.add(steps=30, width=128)
    for _ in range(30):
        lane.turn()

    assert set(Counter(lane.keys).values()) == {10}


def test_a_key_that_was_away_gets_no_arrears() -> None:
    lane = Lane()
    lane.add(steps=40, width=64)
    for _ in range(20):
        lane.turn()
    lane.add(steps=10, width=96)
    for _ in range(8):
        lane.turn()

    assert set(Counter(lane.keys[20:]).values()) == {4}


def test_states_are_bounded_with_those_that_wait_for_their_decode() -> None:
    lane = Lane()
    for width in range(64, 64 + 8 * 12, 8):
        lane.add(width=width)
    for _ in range(20):
        lane.turn()
        assert lane.scheduler.begun <= MAX_BEGUN
