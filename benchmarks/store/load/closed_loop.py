"""Runs a closed loop: as many requests under way as there are connections, or jobs as the window allows."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.store.load.http import Connection, get
from benchmarks.store.load.plans import ClosedLoop, Result
from benchmarks.store.load.tally import Tally
from benchmarks.store.servers.control import Control

_LOOK_S: Final = 0.02
"""Interval at which a connection looks whether there is room in the window."""
_ENDED_S: Final = 0.25
"""Interval at which the servers are asked how many jobs have ended."""
_LAST_S: Final = 60.0
"""Seconds that jobs may take to end after the last one was sent."""
_AGAIN_S: Final = 0.1
"""Pause after a lost connection."""
_ENDED: Final = re.compile(
    rb'^darkroom_jobs_total\{[^}]*outcome="(succeeded|failed|canceled)"[^}]*\} ([\d.e+]+)$', re.MULTILINE
)


async def run(load: ClosedLoop) -> Result:
    loop = _ClosedLoop(load)
    before = await ended(load.admin_ports)
    tally = loop.start()
    await asyncio.gather(*(loop.send(load.ports[number % len(load.ports)]) for number in range(load.connections)))
    if load.window is None:
        return tally.result()
    return tally.result(await _wait_for_ends(load.admin_ports, before, tally))


async def ended(admin_ports: list[int]) -> Counter[str]:
    """Returns how many jobs these servers have seen end, by outcome. Raises OSError where one does not answer."""
    counted: Counter[str] = Counter()
    for port in admin_ports:
        connection = await Connection.open(port)
        answer = await connection.ask(get("/metrics"))
        connection.close()
        for outcome, number in _ENDED.findall(answer.body):
            counted[outcome.decode()] += round(float(number))
    return counted


class _ClosedLoop:
    def __init__(self, load: ClosedLoop) -> None:
        self._load = load
        self._devices = [Control(Path(file)) for file in load.devices]
        self._made_before = self._made()

    def start(self) -> Tally:
        self._tally = Tally()
        return self._tally

    async def send(self, port: int) -> None:
        """Sends requests on one connection to the end of the load. A lost connection is replaced."""
        while self._goes_on():
            try:
                connection = await Connection.open(port)
                try:
                    await self._send_on(connection)
                finally:
                    connection.close()
            except OSError:
                self._tally.lost += 1
                await asyncio.sleep(_AGAIN_S)

    async def _send_on(self, connection: Connection) -> None:
        while self._goes_on():
            if self._is_window_full():
                await asyncio.sleep(_LOOK_S)
                continue
            self._tally.sent += 1
            sent_s = time.monotonic()
            answer = await connection.ask(self._load.request)
            self._tally.take(answer, time.monotonic() - sent_s)

    def _goes_on(self) -> bool:
        within_limit = self._load.limit is None or self._tally.sent < self._load.limit
        return within_limit and time.monotonic() - self._tally.start_s < self._load.seconds

    def _is_window_full(self) -> bool:
        unmade = self._tally.accepted - (self._made() - self._made_before)
        return self._load.window is not None and unmade >= self._load.window

    def _made(self) -> int:
        return sum(device.images for device in self._devices)


async def _wait_for_ends(admin_ports: list[int], before: Counter[str], tally: Tally) -> Counter[str]:
    """Waits until as many jobs have ended as were accepted. Returns how many have, also where that takes too long."""
    until_s = time.monotonic() + _LAST_S
    now = await ended(admin_ports) - before
    while now.total() < tally.accepted and time.monotonic() < until_s:
        await asyncio.sleep(_ENDED_S)
        now = await ended(admin_ports) - before
    return now
