"""The closed loop: its bounds, its window, and what it counts."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from benchmarks.store.load import closed_loop
from benchmarks.store.load.http import get, post
from benchmarks.store.load.plans import ClosedLoop
from benchmarks.store.servers.control import Control
from tests.benchmarks.store.load.answering import GONE, answer, answering

ACCEPTED = answer(202, "{}", location="/jobs/1")
METRICS = """\
# TYPE darkroom_jobs_total counter
darkroom_jobs_total{{outcome="succeeded",reason=""}} {}
darkroom_jobs_total{{reason="poisoned",outcome="failed"}} 1.0
darkroom_jobs_total{{outcome="refused",reason="queue_full"}} 99.0
"""


def metrics(succeeded: float) -> bytes:
    return answer(200, METRICS.format(succeeded))


async def test_no_more_requests_are_sent_than_the_limit() -> None:
    async with answering(jobs=[ACCEPTED, answer(429), ACCEPTED]) as to:
        load = ClosedLoop(ports=[to.port], request=post("/jobs", {}), connections=2, seconds=60.0, limit=7)
        result = await closed_loop.run(load)

    assert len(to.asked) == 7
    assert (result.count("202"), result.count("429"), result.lost) == (6, 1, 0)
    assert result.locations == ["/jobs/1"] * 6
    assert result.body_bytes == 12


async def test_a_lost_connection_is_counted_and_replaced() -> None:
    async with answering(jobs=[GONE, ACCEPTED]) as to:
        load = ClosedLoop(ports=[to.port], request=post("/jobs", {}), connections=1, seconds=60.0, limit=3)
        result = await closed_loop.run(load)

    assert (result.count("202"), result.lost) == (2, 1)


async def test_the_load_lasts_for_its_time_and_no_longer() -> None:
    async with answering(jobs=[ACCEPTED]) as to:
        result = await closed_loop.run(ClosedLoop(ports=[to.port], request=get("/jobs"), connections=2, seconds=0.05))

    assert result.seconds >= 0.05


async def test_several_servers_take_the_connections_in_turn() -> None:
    async with answering(jobs=[ACCEPTED]) as one, answering(jobs=[ACCEPTED]) as other:
        for each in (one, other):
            each.held.clear()  # So that each connection has one request, and no more.
        load = ClosedLoop(ports=[one.port, other.port], request=get("/jobs"), connections=4, seconds=60.0, limit=4)
        running = asyncio.create_task(closed_loop.run(load))
        for each in (one, other):
            await each.wait_for(2)
            each.held.set()
        await running

    assert (len(one.asked), len(other.asked)) == (2, 2)


async def test_a_full_window_waits_until_images_are_made_and_the_load_until_jobs_have_ended(tmp_path: Path) -> None:
    control = Control.create(tmp_path / "device")
    async with answering(jobs=[ACCEPTED], metrics=[metrics(2.0), metrics(3.0), metrics(5.0)]) as to:
        load = ClosedLoop(
            ports=[to.port],
            request=get("/jobs"),
            connections=1,
            seconds=60.0,
            limit=3,
            window=2,
            devices=[str(tmp_path / "device")],
            admin_ports=[to.port],
        )
        running = asyncio.create_task(closed_loop.run(load))
        await to.wait_for(3)  # With the one for the metrics.
        await asyncio.sleep(0.05)
        while_full = to.asked.count("/jobs")
        control.count_images(1)
        result = await running

    assert while_full == 2
    assert result.ended == {"succeeded": 3}


async def test_ended_jobs_are_summed_over_the_servers_without_those_that_were_refused() -> None:
    async with answering(metrics=[metrics(2.0)]) as one, answering(metrics=[metrics(40.0)]) as other:
        found = await closed_loop.ended([one.port, other.port])

    assert found == Counter(succeeded=42, failed=2)
