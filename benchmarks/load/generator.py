"""The open loop: jobs are sent when they are due, whatever became of those before. Knows no protocol and no figures.

A latency counts from the moment in which the job was due, so that a sender that falls behind hides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.load.apis import WrongAnswer
from benchmarks.workload import Arrival, Job

Send: TypeAlias = Callable[[Job], Awaitable[object]]
"""Resolves when the right answer is there; raises `WrongAnswer`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job."""

    arrival: Arrival
    latency_s: float | None
    """None where no right answer came."""
    error: str = ""

    @property
    def finished_s(self) -> float | None:
        """Seconds from the load's beginning."""
        return None if self.latency_s is None else self.arrival.at_s + self.latency_s


async def offer(
    arrivals: Sequence[Arrival], send: Send, *, enough: Callable[[Outcome], bool] = lambda outcome: False
) -> list[Outcome]:
    """Send each job when it is due and wait for all answers; the outcomes, in order of arrival.

    Once `enough` is true of an outcome, nothing further is sent, and the jobs not sent have no outcome.
    """
    start_s = asyncio.get_running_loop().time()
    stopped = asyncio.Event()

    async def one(arrival: Arrival) -> Outcome:
        outcome = await _outcome(arrival, send, start_s)
        if enough(outcome):
            stopped.set()
        return outcome

    async with asyncio.TaskGroup() as tasks:
        sent = []
        for arrival in arrivals:
            if await _stopped_before(stopped, start_s + arrival.at_s):
                break
            sent.append(tasks.create_task(one(arrival)))
    return [task.result() for task in sent]


async def _outcome(arrival: Arrival, send: Send, start_s: float) -> Outcome:
    try:
        await send(arrival.job)
    except WrongAnswer as error:
        return Outcome(arrival, None, str(error))
    return Outcome(arrival, asyncio.get_running_loop().time() - start_s - arrival.at_s)


async def _stopped_before(stopped: asyncio.Event, due_s: float) -> bool:
    """Wait until `due_s`, or until `stopped` is set; whether it is."""
    try:
        async with asyncio.timeout_at(due_s):
            await stopped.wait()
    except TimeoutError:
        return False
    return True
