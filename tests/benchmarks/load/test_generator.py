"""The open loop, in virtual time: when requests are sent and from when their latency counts."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.load.apis import InvalidResponse
from benchmarks.load.generator import Outcome, offer_load
from benchmarks.workload import Arrival, Request
from tests.benchmarks import virtual_time
from tests.benchmarks.fakes import SMALL_MIX, OneAtATime

REQUEST = next(SMALL_MIX.requests(1))


def arrivals(*times: float) -> list[Arrival]:
    return [Arrival(at_s, REQUEST) for at_s in times]


def test_requests_are_sent_when_they_are_due_even_if_none_was_answered() -> None:
    sent: list[float] = []

    async def after_ten_seconds(request: Request) -> None:
        sent.append(virtual_time.now())
        await asyncio.sleep(10.0)

    outcomes = virtual_time.run(offer_load(arrivals(0.0, 0.5, 2.0), after_ten_seconds))
    assert sent == pytest.approx([0.0, 0.5, 2.0])
    assert [outcome.latency_s for outcome in outcomes] == pytest.approx([10.0, 10.0, 10.0])


def test_waiting_behind_other_requests_counts_as_latency() -> None:
    async def measured() -> list[Outcome]:
        return await offer_load([Arrival(0.0, request) for request in (REQUEST, REQUEST)], OneAtATime().send)

    first, second = virtual_time.run(measured())
    assert first.latency_s is not None
    assert second.latency_s == pytest.approx(2 * first.latency_s)


def test_a_delay_of_the_generator_counts_as_latency() -> None:
    async def respond_at_once(request: Request) -> None:
        await asyncio.sleep(0.0)

    async def measured() -> list[Outcome]:
        asyncio.get_running_loop().call_later(1.0, virtual_time.block_loop, 5.0)
        return await offer_load(arrivals(2.0), respond_at_once)

    (outcome,) = virtual_time.run(measured())
    assert outcome.latency_s == pytest.approx(4.0)


def test_an_invalid_response_has_no_latency_but_a_reason() -> None:
    async def wrong(request: Request) -> None:
        raise InvalidResponse("status 500")

    (outcome,) = virtual_time.run(offer_load(arrivals(0.0), wrong))
    assert (outcome.latency_s, outcome.error, outcome.finished_s) == (None, "status 500", None)


def test_an_error_of_the_generator_is_not_counted_as_a_failed_request() -> None:
    async def broken(request: Request) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        virtual_time.run(offer_load(arrivals(0.0), broken))
    assert caught.group_contains(ZeroDivisionError)


def test_after_the_stop_condition_no_request_is_sent_and_pending_ones_are_awaited() -> None:
    async def one_second(request: Request) -> None:
        await asyncio.sleep(1.0)

    load = arrivals(0.0, 0.5, 0.9, 5.0, 6.0)
    outcomes = virtual_time.run(offer_load(load, one_second, stop_when=lambda outcome: outcome.arrival.at_s == 0.0))
    assert [outcome.arrival.at_s for outcome in outcomes] == [0.0, 0.5, 0.9]
    assert all(outcome.latency_s == pytest.approx(1.0) for outcome in outcomes)


def test_outcomes_are_in_order_of_arrival_whatever_the_order_of_the_responses() -> None:
    async def later_ones_are_faster(request: Request) -> None:
        await asyncio.sleep(3.0 - virtual_time.now())

    outcomes = virtual_time.run(offer_load(arrivals(0.0, 1.0, 2.0), later_ones_are_faster))
    assert [outcome.latency_s for outcome in outcomes] == pytest.approx([3.0, 2.0, 1.0])
