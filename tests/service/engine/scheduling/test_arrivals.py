"""Estimates foresee the work that will arrive and go first."""

from __future__ import annotations

from service.engine.scheduling.arrivals import Arrivals
from tests.harness.engine.scheduler_harness import SchedulerHarness

NEVER = 1e9


def make_arrivals(*, every_s: float, count: int = 40, price: float = 1.0) -> tuple[Arrivals, float]:
    """Returns arrivals of four-step images that are due a second after they come, and the time of the last."""
    harness, arrivals = SchedulerHarness(), Arrivals()
    for _ in range(count):
        arrivals.add(harness.add(virtual_deadline_s=1.0), price)
        harness.now_s += every_s
    return arrivals, harness.now_s


def test_without_arrivals_an_estimate_stands() -> None:
    assert Arrivals().put_back_s(3.0, 0.0, lambda _: NEVER) == 3.0


def test_an_image_that_every_arrival_overtakes_is_put_back_in_proportion_to_the_load() -> None:
    light, now_s = make_arrivals(every_s=10.0, price=1.0)
    heavy, _ = make_arrivals(every_s=10.0, price=4.0)

    put_back = [arrivals.put_back_s(20.0, now_s, lambda _: NEVER) for arrivals in (light, heavy)]
    assert 20.0 < put_back[0] < put_back[1]


def test_arrivals_with_later_virtual_deadlines_put_nothing_back() -> None:
    arrivals, now_s = make_arrivals(every_s=1.0)

    assert arrivals.put_back_s(20.0, now_s, lambda _: now_s + 0.5) == 20.0


def test_an_estimate_is_lengthened_by_a_bounded_factor() -> None:
    arrivals, now_s = make_arrivals(every_s=0.1, price=100.0)

    assert arrivals.put_back_s(2.0, now_s, lambda _: NEVER) == 12.0


def test_arrivals_that_put_nothing_back_are_soon_not_counted() -> None:
    """A caller who waits for an image before asking for the next one never overtakes it."""
    arrivals, now_s = make_arrivals(every_s=1.0, price=1.0)
    before_s = arrivals.put_back_s(20.0, now_s, lambda _: NEVER)
    for _ in range(30):
        prediction = arrivals.predict(1.0, now_s, lambda _: NEVER)
        arrivals.learn(prediction, now_s + 1.0)

    assert before_s > 20.0 * 1.5
    assert arrivals.put_back_s(20.0, now_s, lambda _: NEVER) < 20.0 * 1.1


def test_no_more_is_counted_than_arrives() -> None:
    arrivals, now_s = make_arrivals(every_s=10.0)
    before_s = arrivals.put_back_s(20.0, now_s, lambda _: NEVER)
    for _ in range(30):
        arrivals.learn(arrivals.predict(1.0, now_s, lambda _: NEVER), now_s + 100.0)

    assert arrivals.put_back_s(20.0, now_s, lambda _: NEVER) == before_s
