"""Followers: streams that are refused or cut off are lost."""

from __future__ import annotations

from benchmarks.store.load import streams
from benchmarks.store.load.plans import Followers
from tests.benchmarks.store.load.answering import GONE, answer, answering

OPEN = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nevent\r\n"


async def test_streams_are_counted_by_how_they_fare() -> None:
    async with answering(open=[OPEN], full=[answer(429)], cut=[GONE]) as to:
        load = Followers(port=to.port, paths=["/open", "/full", "/open", "/cut"], seconds=3.0)
        result = await streams.run(load)

    assert (result.count("200"), result.lost) == (2, 2)
    assert result.body_bytes == 2 * len(OPEN)
