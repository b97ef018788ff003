"""A generator in a process of its own."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.store.load.generate import Generator
from benchmarks.store.load.http import get
from benchmarks.store.load.plans import ClosedLoop, Followers, Load, OpenLoop, Probes, Result
from tests.benchmarks.store.load.answering import answer, answering


async def generate(load: Load, asked: list[str]) -> tuple[int, Result]:
    """Returns how many requests came before the generator was told to start, and the result."""

    def run() -> tuple[int, Result]:
        with Generator(load) as generator:
            before = len(asked)
            generator.start()
            return before, generator.result()

    return await asyncio.to_thread(run)


async def test_each_kind_of_load_is_run_when_it_is_told() -> None:
    async with answering(jobs=[answer(200)]) as to:
        port, request = to.port, get("/jobs")
        loads: list[Load] = [
            ClosedLoop(ports=[port], request=request, connections=1, seconds=60.0, limit=3),
            OpenLoop(port=port, request=request, rate=60.0, seconds=0.05, connections=2, grace_s=60.0),
            Probes(port=port, paths=["/jobs"], rate=60.0, seconds=0.05, late_s=60.0),
            Followers(port=port, paths=["/jobs"] * 3, seconds=3.0),
        ]
        for load in loads:
            to.asked.clear()
            before, result = await generate(load, to.asked)
            assert before == 0
            assert (len(to.asked), result.count("200")) == (3, 3)
            assert result.cpu_s > 0


async def test_a_generator_that_fails_says_so() -> None:
    load = ClosedLoop(
        ports=[1], request=b"", connections=1, seconds=0.1, window=1, devices=["/nowhere/device"], admin_ports=[]
    )
    with pytest.raises(RuntimeError, match="the generator failed"):
        await generate(load, [])
