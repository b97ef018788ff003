"""An open-loop load generator: sends each request when it is due, even if earlier ones are unanswered.

A latency counts from the time when the request was due, so a generator that falls behind does not hide latency
(coordinated omission). This module knows no protocol and computes no metrics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.load.apis import InvalidResponse
from benchmarks.workload import Arrival, Request

Send: TypeAlias = Callable[[Request], Awaitable[object]]
"""Sends a request and returns after its image has arrived. Raises `InvalidResponse`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one request."""

    arrival: Arrival
    latency_s: float | None
    """From the due time to the image; None where the request failed."""
    error: str = ""

    @property
    def finished_s(self) -> float | None:
        """The time at which the image arrived, in seconds from the start of the load."""
        return None if self.latency_s is None else self.arrival.at_s + self.latency_s


async def offer_load(
    arrivals: Sequence[Arrival], send: Send, *, stop_when: Callable[[Outcome], bool] = lambda outcome: False
) -> list[Outcome]:
    """Sends each request when it is due, waits for all responses and returns the outcomes in order of arrival.

    After an outcome for which `stop_when` is true, no further requests are sent; those have no outcome.
    """
    start_s = asyncio.get_running_loop().time()
    stopped = asyncio.Event()

    async def send_one(arrival: Arrival) -> Outcome:
        outcome = await _outcome(arrival, send, start_s)
        if stop_when(outcome):
            stopped.set()
        return outcome

    async with asyncio.TaskGroup() as tasks:
        sent = []
        for arrival in arrivals:
            if await _stopped_before(stopped, start_s + arrival.at_s):
                break
            sent.append(tasks.create_task(send_one(arrival)))
    return [task.result() for task in sent]


async def _outcome(arrival: Arrival, send: Send, start_s: float) -> Outcome:
    try:
        await send(arrival.request)
    except InvalidResponse as error:
        return Outcome(arrival, None, str(error))
    return Outcome(arrival, asyncio.get_running_loop().time() - start_s - arrival.at_s)


async def _stopped_before(stopped: asyncio.Event, due_s: float) -> bool:
    """Waits until `due_s` or until `stopped` is set. Returns whether it is set."""
    try:
        async with asyncio.timeout_at(due_s):
            await stopped.wait()
    except TimeoutError:
        return False
    return True
