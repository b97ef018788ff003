"""Makes health checks at a fixed rate, each on a connection of its own, and counts those that are late or refused."""

from __future__ import annotations

import asyncio
import time

from benchmarks.store.load.http import Connection, get
from benchmarks.store.load.plans import Probes, Result
from benchmarks.store.load.tally import Tally


async def run(load: Probes) -> Result:
    """Makes the checks. One that is late counts as lost, and so does one that is refused or not answered at all."""
    tally = Tally()
    async with asyncio.TaskGroup() as checks:
        for number in range(round(load.rate * load.seconds)):
            await asyncio.sleep(tally.start_s + number / load.rate - time.monotonic())
            for path in load.paths:
                tally.sent += 1
                checks.create_task(_check(load, path, tally))
    return tally.result()


async def _check(load: Probes, path: str, tally: Tally) -> None:
    begun_s = time.monotonic()
    try:
        async with asyncio.timeout(load.late_s):
            connection = await Connection.open(load.port)
            try:
                answer = await connection.ask(get(path))
            finally:
                connection.close()
    except OSError:  # TimeoutError is one.
        tally.lost += 1
    else:
        tally.take(answer, time.monotonic() - begun_s)
