"""The open loop: when jobs are sent and from when their latency counts. In virtual time, so that seconds are exact."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.load.apis import WrongAnswer
from benchmarks.load.generator import Outcome, offer
from benchmarks.workload import Arrival, Job
from tests.benchmarks import virtual_time
from tests.benchmarks.fakes import SMALL, OneAtATime

JOB = next(SMALL.jobs(1))


def arrivals(*times: float) -> list[Arrival]:
    return [Arrival(at_s, JOB) for at_s in times]


def test_jobs_are_sent_when_they_are_due_though_none_was_answered() -> None:
    sent: list[float] = []

    async def never_before_ten_seconds(job: Job) -> None:
        sent.append(virtual_time.now())
        await asyncio.sleep(10.0)

    outcomes = virtual_time.run(offer(arrivals(0.0, 0.5, 2.0), never_before_ten_seconds))
    assert sent == pytest.approx([0.0, 0.5, 2.0])
    assert [outcome.latency_s for outcome in outcomes] == pytest.approx([10.0, 10.0, 10.0])


def test_waiting_behind_others_counts_as_latency() -> None:
    async def measured() -> list[Outcome]:
        return await offer([Arrival(0.0, job) for job in (JOB, JOB)], OneAtATime().send)

    first, second = virtual_time.run(measured())
    assert first.latency_s is not None
    assert second.latency_s == pytest.approx(2 * first.latency_s)


def test_a_sender_that_falls_behind_hides_nothing() -> None:
    async def blocks_the_loop(job: Job) -> None:
        await asyncio.sleep(0.0)

    async def measured() -> list[Outcome]:
        asyncio.get_running_loop().call_later(1.0, virtual_time.hold_up_loop, 5.0)
        return await offer(arrivals(2.0), blocks_the_loop)

    (outcome,) = virtual_time.run(measured())
    assert outcome.latency_s == pytest.approx(4.0)


def test_a_wrong_answer_has_no_latency_but_a_reason() -> None:
    async def wrong(job: Job) -> None:
        raise WrongAnswer("status 500")

    (outcome,) = virtual_time.run(offer(arrivals(0.0), wrong))
    assert (outcome.latency_s, outcome.error, outcome.finished_s) == (None, "status 500", None)


def test_an_error_of_ours_is_not_taken_for_a_wrong_answer() -> None:
    async def broken(job: Job) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        virtual_time.run(offer(arrivals(0.0), broken))
    assert caught.group_contains(ZeroDivisionError)


def test_nothing_is_sent_once_enough_is_known_and_what_was_sent_is_waited_for() -> None:
    async def one_second(job: Job) -> None:
        await asyncio.sleep(1.0)

    load = arrivals(0.0, 0.5, 0.9, 5.0, 6.0)
    outcomes = virtual_time.run(offer(load, one_second, enough=lambda outcome: outcome.arrival.at_s == 0.0))
    assert [outcome.arrival.at_s for outcome in outcomes] == [0.0, 0.5, 0.9]
    assert all(outcome.latency_s == pytest.approx(1.0) for outcome in outcomes)


def test_outcomes_are_in_order_of_arrival_whoever_is_answered_first() -> None:
    async def later_ones_are_quicker(job: Job) -> None:
        await asyncio.sleep(3.0 - virtual_time.now())

    outcomes = virtual_time.run(offer(arrivals(0.0, 1.0, 2.0), later_ones_are_quicker))
    assert [outcome.latency_s for outcome in outcomes] == pytest.approx([3.0, 2.0, 1.0])
