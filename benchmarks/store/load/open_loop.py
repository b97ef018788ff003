"""Runs an open loop: requests are due at fixed times, whether or not those before are answered."""

from __future__ import annotations

import asyncio
import time

from benchmarks.store.load.http import Connection
from benchmarks.store.load.plans import OpenLoop, Result
from benchmarks.store.load.tally import Tally


async def run(load: OpenLoop) -> Result:
    loop = _OpenLoop(load)
    senders = [asyncio.create_task(loop.send()) for _ in range(load.connections)]
    await loop.announce()
    await asyncio.wait([asyncio.create_task(loop.wait())], timeout=load.grace_s)
    for sender in senders:
        sender.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    return loop.result()


class _OpenLoop:
    def __init__(self, load: OpenLoop) -> None:
        self._load = load
        self._due: asyncio.Queue[float] = asyncio.Queue()
        """When each request that waits for a connection was due."""
        self._tally = Tally()

    async def announce(self) -> None:
        """Puts requests into the queue when they are due."""
        for number in range(round(self._load.rate * self._load.seconds)):
            due_s = self._tally.start_s + number / self._load.rate
            await asyncio.sleep(due_s - time.monotonic())
            self._due.put_nowait(due_s)
            self._tally.sent += 1

    async def wait(self) -> None:
        """Waits until each request is answered or lost."""
        await self._due.join()

    async def send(self) -> None:
        """Sends requests that are due, on one connection. A lost connection is replaced."""
        while True:
            try:
                await self._send_on()
            except OSError:
                self._due.task_done()

    async def _send_on(self) -> None:
        """Raises OSError where a request gets no answer."""
        connection: Connection | None = None
        try:
            while True:
                due_s = await self._due.get()
                if connection is None or not connection.is_open:
                    connection = await Connection.open(self._load.port)
                answer = await connection.ask(self._load.request)
                self._tally.take(answer, time.monotonic() - due_s)
                self._due.task_done()
        finally:
            if connection is not None:
                connection.close()

    def result(self) -> Result:
        """What has no answer by now is lost."""
        answered = sum(each.count for each in self._tally.result().answers.values())
        self._tally.lost = self._tally.sent - answered
        return self._tally.result()
