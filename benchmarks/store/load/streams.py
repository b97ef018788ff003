"""Follows event streams for a time and counts what they send."""

from __future__ import annotations

import asyncio
import functools

from benchmarks.store.load.http import Answer, get
from benchmarks.store.load.plans import Followers, Result
from benchmarks.store.load.tally import Tally


async def run(load: Followers) -> Result:
    """Follows the streams. One that is refused or ends early counts as lost; the latency of another is the time to its
    head."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    streams: list[_Stream] = []
    for path in load.paths:
        tally.sent += 1
        _, stream = await loop.create_connection(functools.partial(_Stream, path), "127.0.0.1", load.port)
        streams.append(stream)
    await asyncio.sleep(tally.start_s + load.seconds - loop.time())
    for stream in streams:
        if stream.status == "200" and stream.is_open:
            tally.take(Answer("200", b"", bytes(stream.received)), (stream.head_s or 0.0) - stream.begun_s)
        else:
            tally.lost += 1
        stream.close()
    return tally.result()


class _Stream(asyncio.Protocol):
    def __init__(self, path: str) -> None:
        self._request = get(path)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.begun_s = self._loop.time()
        self.head_s: float | None = None
        self.status = ""
        self.received = bytearray()
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.head_s is None:
            self.head_s, self.status = self._loop.time(), data[9:12].decode()
        self.received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
