"""The cheap HTTP client."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.store.load.http import Connection, get, post
from tests.benchmarks.store.load.answering import GONE, answer, answering


async def test_answers_follow_each_other_on_one_connection() -> None:
    async with answering(jobs=[answer(202, "one", location="/jobs/7"), answer(204), answer(200, "x" * 300_000)]) as to:
        connection = await Connection.open(to.port)
        found = [await connection.ask(post("/jobs", {"prompt": "a circle"})) for _ in range(3)]
        connection.close()

    assert [each.status for each in found] == ["202", "204", "200"]
    assert [len(each.body) for each in found] == [3, 0, 300_000]
    assert [each.location for each in found] == ["/jobs/7", "", ""]


async def test_a_connection_that_ends_raises() -> None:
    async with answering(jobs=[GONE]) as to:
        connection = await Connection.open(to.port)
        with pytest.raises(ConnectionError):
            await connection.ask(get("/jobs"))
        with pytest.raises(ConnectionError):
            await connection.ask(get("/jobs"))


async def test_an_answer_may_arrive_in_pieces() -> None:
    served = asyncio.Event()
    pieces = [b"HTTP/1.1 200 OK\r\nContent-", b"Length: 4\r\n", b"\r\nbo", b"dy"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.005)
        writer.close()
        served.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        connection = await Connection.open(server.sockets[0].getsockname()[1])
        found = await connection.ask(get("/"))
        connection.close()
        await served.wait()

    assert found == ("200", pieces[0] + b"Length: 4", b"body")


def test_requests_say_how_long_they_are() -> None:
    assert get("/livez") == b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    head, _, body = post("/jobs", {"prompt": "ö"}).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head


def test_requests_bring_the_key_of_their_caller() -> None:
    assert b"\r\nauthorization: Bearer secret\r\n" in post("/jobs", {}, "secret")
    assert b"authorization" not in post("/jobs", {})
