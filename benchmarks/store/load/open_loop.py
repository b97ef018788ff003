"""Runs an open loop: requests are due at fixed times, whether or not those before are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from benchmarks.store.load.http import Connection
from benchmarks.store.load.plans import OpenLoop, Result
from benchmarks.store.load.tally import Tally

_MAX_IDLE: Final = 64
"""Connections that stay open for later requests. Others are closed, so that a burst does not fill the server for
good."""


async def run(load: OpenLoop) -> Result:
    loop = _OpenLoop(load)
    requests = [asyncio.create_task(loop.send(due_s)) async for due_s in loop.due()]
    if requests:
        await asyncio.wait(requests, timeout=load.grace_s)
    for request in requests:
        request.cancel()
    await asyncio.gather(*requests, return_exceptions=True)
    return loop.finish()


class _OpenLoop:
    def __init__(self, load: OpenLoop) -> None:
        self._load = load
        self._room = asyncio.Semaphore(load.connections)
        self._idle: list[Connection] = []
        """Connections without a request. The one that was used last is taken first."""
        self._tally = Tally()

    async def due(self) -> AsyncIterator[float]:
        """Yields the time at which each request is due, when it has come."""
        for number in range(round(self._load.rate * self._load.seconds)):
            due_s = self._tally.start_s + number / self._load.rate
            await asyncio.sleep(due_s - time.monotonic())
            self._tally.sent += 1
            yield due_s

    async def send(self, due_s: float) -> None:
        """Sends one request. It is lost where its connection ends."""
        async with self._room:
            try:
                connection = await self._connect()
                try:
                    answer = await connection.ask(self._load.request)
                except BaseException:  # Canceled or lost: what else comes on this connection is of no use.
                    connection.close()
                    raise
            except OSError:
                return  # Lost, as `finish` counts.
            self._tally.take(answer, time.monotonic() - due_s)
            self._keep(connection)

    def finish(self) -> Result:
        """Closes what is open. Requests that were given up are lost."""
        for connection in self._idle:
            connection.close()
        self._tally.lost = self._tally.sent - self._tally.answered
        return self._tally.result()

    async def _connect(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return await Connection.open(self._load.port)

    def _keep(self, connection: Connection) -> None:
        if len(self._idle) < _MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.close()
