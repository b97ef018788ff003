"""The open loop: requests do not wait for answers, and what is never answered is lost."""

from __future__ import annotations

import asyncio

from benchmarks.store.load import open_loop
from benchmarks.store.load.http import post
from benchmarks.store.load.plans import OpenLoop
from tests.benchmarks.store.load.answering import GONE, THEN_GONE, answer, answering


def load(port: int, **options: float) -> OpenLoop:
    given = {"rate": 200.0, "seconds": 0.05, "grace_s": 30.0, **options}
    return OpenLoop(port=port, request=post("/jobs", {}), connections=50, **given)


async def test_all_requests_are_sent_and_counted_by_their_answers() -> None:
    async with answering(jobs=[answer(202), answer(429), answer(202)]) as to:
        result = await open_loop.run(load(to.port))

    assert len(to.asked) == 10
    assert (result.count("202"), result.count("429"), result.lost) == (9, 1, 0)


async def test_requests_are_sent_although_none_is_answered() -> None:
    async with answering(jobs=[answer(202)]) as to:
        to.held.clear()
        running = asyncio.create_task(open_loop.run(load(to.port)))
        await to.wait_for(10)
        to.held.set()
        result = await running

    assert result.count("202") == 10


async def test_what_is_not_answered_in_time_is_lost() -> None:
    async with answering(jobs=[answer(202)]) as to:
        to.held.clear()
        result = await open_loop.run(load(to.port, grace_s=0.05))

    assert (result.count("202"), result.lost) == (0, 10)


async def test_a_connection_that_is_closed_after_its_answer_is_replaced() -> None:
    async with answering(jobs=[answer(503) + THEN_GONE, answer(202)]) as to:
        one_by_one = OpenLoop(
            port=to.port, request=post("/jobs", {}), rate=20.0, seconds=0.15, connections=1, grace_s=30.0
        )
        result = await open_loop.run(one_by_one)

    assert (result.count("503"), result.count("202"), result.lost) == (1, 2, 0)


async def test_a_request_whose_connection_ends_is_lost_and_the_others_are_not() -> None:
    async with answering(jobs=[GONE, answer(202)]) as to:
        result = await open_loop.run(load(to.port))

    assert (result.count("202"), result.lost) == (9, 1)


async def test_an_idle_connection_is_used_again() -> None:
    async with answering(jobs=[answer(202)]) as to:
        one_at_a_time = OpenLoop(
            port=to.port, request=post("/jobs", {}), rate=200.0, seconds=0.05, connections=1, grace_s=30.0
        )
        result = await open_loop.run(one_at_a_time)

    assert result.count("202") == 10
    assert to.connections == 1
