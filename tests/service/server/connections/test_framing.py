"""Message framing: the server never executes a request that a client sent inside the body of another request.

The bodies here contain a request that would delete a job. The server must not execute it. Where it keeps the
connection, it must answer the request that follows the body.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.harness.jobs_client import JobsClient
from tests.harness.wire.http_server import Harness
from tests.harness.wire.raw_http import (
    BETWEEN_SEGMENTS_S,
    GET,
    LAST_GET,
    Answer,
    answers_in,
    assert_refused,
    connected,
    exchange,
    read_to_end,
)

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
OFFERS = {
    "no offer": b"",
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n",
    "websocket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "another": b"UPGRADE: TLS/1.0\r\nconnection: upgrade\r\nUpgrade: IRC/6.9\r\n",
}
BAD_CHUNKS = {
    "hexadecimal prefix": b"0x2\r\nab\r\n0\r\n\r\n",
    "space before": b" 2\r\nab\r\n0\r\n\r\n",
    "space after": b"2 \r\nab\r\n0\r\n\r\n",
    "sign": b"+2\r\nab\r\n0\r\n\r\n",
    "minus": b"-2\r\nab\r\n0\r\n\r\n",
    "no number": b"zz\r\nab\r\n0\r\n\r\n",
    "no size": b"\r\nab\r\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nab\r\n0\r\n\r\n",
    "bare line feeds": b"2\nab\n0\n\n",
    "line feed in an extension": b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "too short": b"1\r\nab\r\n0\r\n\r\n",
}
BAD_HEADS = {
    "both": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "both, in reverse order": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "two different lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n",
    "list of lengths": b"Content-Length: 5, 5\r\n",
    "negative": b"Content-Length: -5\r\n",
    "signed": b"Content-Length: +5\r\n",
    "hexadecimal": b"Content-Length: 0x5\r\n",
    "empty length": b"Content-Length:\r\n",
    "overflow": b"Content-Length: 99999999999999999999999\r\n",
    "space before the colon": b"Content-Length : 5\r\n",
    "chunked, but not at the end": b"Transfer-Encoding: chunked, identity\r\n",
    "not chunked": b"Transfer-Encoding: identity\r\n",
    "nearly chunked": b"Transfer-Encoding: xchunked\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "compressed and chunked": b"Transfer-Encoding: gzip, chunked\r\n",
    "compressed and chunked, in two lines": b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
    "folded": b"Transfer-Encoding:\r\n chunked\r\n",
}


@pytest.fixture(scope="module")
def victim(shared_server: Harness) -> Iterator[str]:
    """The path of a job that must survive."""
    jobs = JobsClient(shared_server.client)
    path: str = jobs.ended(jobs.create())["urls"]["self"]
    yield path.removeprefix(shared_server.url)
    jobs.delete_all()


@pytest.fixture
def smuggled(server: Harness, victim: str) -> Iterator[bytes]:
    """A request that must not be executed. The fixture checks afterwards that it was not."""
    yield f"DELETE {victim} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    assert server.client.get(victim).status_code == 200, "the server executed the smuggled request"


def head(method: str, fields: bytes, path: str = "/v1/images/generations") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode() + fields + b"\r\n"


def chunked(body: bytes) -> bytes:
    return b"%x;extension\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def assert_bodies_were_skipped(answers: list[Answer], statuses: set[int]) -> None:
    """Checks that the first request has one answer, and that the last has one too if the connection was kept."""
    assert answers[0].status in statuses
    assert [answer.status for answer in answers[1:]] == ([] if answers[0].closes else [200])


@pytest.mark.parametrize("separate", [False, True], ids=["one segment", "separate segments"])
@pytest.mark.parametrize("framing", ["none", "length", "chunked"])
@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("method", METHODS)
def test_a_request_inside_a_body_is_not_executed(
    server: Harness, smuggled: bytes, method: str, offer: str, framing: str, separate: bool
) -> None:
    fields, body = {
        "none": (b"", b""),
        "length": (b"Content-Length: %d\r\n" % len(smuggled), smuggled),
        "chunked": (b"Transfer-Encoding: chunked\r\n", chunked(smuggled)),
    }[framing]
    start = head(method, OFFERS[offer] + fields)
    answers = exchange(server.port, [start, body, LAST_GET] if separate else [start + body + LAST_GET], method=method)
    assert_bodies_were_skipped(answers, {{"POST": 400, "OPTIONS": 204}.get(method, 405)})


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_request_inside_a_body_that_arrives_byte_by_byte_is_not_executed(
    server: Harness, smuggled: bytes, method: str, offer: str, framing: str
) -> None:
    fields, body = {
        "length": (b"Content-Length: %d\r\n" % len(smuggled), smuggled),
        "chunked": (b"Transfer-Encoding: chunked\r\n", chunked(smuggled)),
    }[framing]
    raw = head(method, OFFERS[offer] + fields) + body + LAST_GET
    with connected(server.port) as connection:
        for byte in raw:
            try:
                connection.sendall(bytes([byte]))
            except ConnectionError:
                break
        assert_bodies_were_skipped(answers_in(read_to_end(connection)), {400} if method == "POST" else {405})


@pytest.mark.parametrize("separate", [False, True], ids=["one segment", "separate segments"])
@pytest.mark.parametrize("offer", ["no offer", "h2c"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("fields", BAD_HEADS)
def test_a_head_that_does_not_say_where_its_body_ends_is_refused(
    server: Harness, smuggled: bytes, fields: str, method: str, offer: str, separate: bool
) -> None:
    start = head(method, BAD_HEADS[fields] + OFFERS[offer])
    assert_refused(exchange(server.port, [start, smuggled] if separate else [start + smuggled]), 400)


@pytest.mark.parametrize("separate", [False, True], ids=["one segment", "separate segments"])
@pytest.mark.parametrize("offer", ["no offer", "h2c"])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("chunks", BAD_CHUNKS)
def test_malformed_chunks_end_the_connection(
    server: Harness, smuggled: bytes, chunks: str, method: str, offer: str, separate: bool
) -> None:
    start = head(method, OFFERS[offer] + b"Transfer-Encoding: chunked\r\n")
    body = BAD_CHUNKS[chunks] + smuggled
    answers = exchange(server.port, [start, body] if separate else [start + body])
    (answer,) = answers
    assert answer.closes
    # The DELETE may be answered before its body comes, or not.
    assert answer.status in ({400} if method == "POST" or not separate else {400, 405})


def test_a_request_with_a_malformed_body_is_not_executed(server: Harness, victim: str, smuggled: bytes) -> None:
    start = head("DELETE", b"Transfer-Encoding: chunked\r\n", victim)
    assert_refused(exchange(server.port, [start + b"zz\r\n"]), 400)


@pytest.mark.parametrize(
    "start",
    [
        b"CONNECT x:1 HTTP/1.1\r\n",
        b"CONNECT http://x/v1/models HTTP/1.1\r\n",
        b"GET /livez\r\nConnection: keep-alive\r\n",
        b"GET /livez HTTP/2.0\r\nConnection: keep-alive\r\n",
        b"POST /livez HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
        b"PRI * HTTP/2.0\r\n",
        b"GET http://evil.example/livez HTTP/1.1\r\nHost: localhost\r\n",
        b"GET http://localhost@localhost/livez HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /livez#/../v1/models HTTP/1.1\r\nHost: localhost\r\n",
    ],
)
def test_a_request_that_servers_may_read_differently_is_refused(server: Harness, smuggled: bytes, start: bytes) -> None:
    assert_refused(exchange(server.port, [start + b"\r\n", smuggled]), 400)
    length = b"" if b"chunked" in start else b"Content-Length: %d\r\n" % len(smuggled)
    assert_refused(exchange(server.port, [start + length + b"\r\n" + smuggled]), 400)


def test_a_target_may_be_a_whole_address_of_the_host_that_the_header_names(server: Harness) -> None:
    start = b"GET HTTP://LocalHost/livez?x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert [answer.status for answer in exchange(server.port, [start])] == [200]


@pytest.mark.parametrize("separate", [False, True], ids=["one segment", "separate segments"])
def test_a_client_that_offers_http_2_gets_its_image(server: Harness, separate: bool) -> None:
    body = b'{"prompt": "x", "steps": 1}'
    start = head("POST", OFFERS["h2c"] + b"Content-Length: %d\r\n" % len(body))
    answers = exchange(server.port, [start, body, LAST_GET] if separate else [start + body + LAST_GET])
    assert [answer.status for answer in answers] == [200, 200]
    assert [job.images[0].prompt for job in server.engine.jobs] == ["x"]


def test_an_upgrade_offer_with_connection_close_is_declined_and_its_body_is_read(server: Harness) -> None:
    body = b'{"prompt": "x", "steps": 1}'
    fields = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n" % len(body)
    (answer,) = exchange(server.port, [head("POST", fields), body])
    assert (answer.status, answer.closes) == (200, True)


@pytest.mark.parametrize("spelled", [b"close", b"Close", b"close, TE"])
def test_a_client_that_closes_its_connection_is_told_that_it_is_closed(server: Harness, spelled: bytes) -> None:
    """node-fetch 2 sends it with every request, and waits for it in the answer."""
    body = b'{"prompt": "x", "steps": 1}'
    fields = b"Connection: %b\r\nContent-Length: %d\r\n" % (spelled, len(body))
    for request in (
        head("POST", fields) + body,
        head("POST", fields, "/nowhere") + body,
        head("OPTIONS", fields) + body,
    ):
        (answer,) = exchange(server.port, [request])
        assert answer.closes, request


def test_every_upgrade_offer_in_one_segment_is_declined(server: Harness) -> None:
    offering = GET[:-2] + OFFERS["h2c"] + b"\r\n"
    answers = exchange(server.port, [offering * 1200 + LAST_GET])
    assert [answer.status for answer in answers] == [200] * 1201


WITHOUT_IMAGES = "/sdapi/v1/options"  # A body of this route may not be as long as one with images.
UNREAD = {
    404: head("POST", b"Content-Length: %d\r\n", "/nowhere"),
    405: head("PUT", b"Content-Length: %d\r\n"),
    413: head("POST", b"Content-Length: %d\r\n", WITHOUT_IMAGES),
    415: head("POST", b"Content-Encoding: gzip\r\nContent-Length: %d\r\n"),
}


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
@pytest.mark.parametrize("status", UNREAD)
def test_a_client_that_sends_everything_before_it_reads_gets_the_answer(
    server: Harness, smuggled: bytes, status: int, connection: bytes
) -> None:
    body = smuggled * (3_000_000 // len(smuggled))
    start = (UNREAD[status] % len(body))[:-2] + connection + b"\r\n"
    for _ in range(10):
        with connected(server.port) as sending:
            sending.sendall(start)
            time.sleep(BETWEEN_SEGMENTS_S)  # The server has answered by the end of this wait.
            sending.sendall(body)
            (answer,) = answers_in(read_to_end(sending))
        assert (answer.status, answer.closes) == (status, True)


@pytest.mark.parametrize("connection", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_a_client_that_sends_more_chunks_than_allowed_before_it_reads_gets_the_answer(
    server: Harness, smuggled: bytes, connection: bytes
) -> None:
    body = chunked(smuggled * (3_000_000 // len(smuggled)))
    for _ in range(10):
        with connected(server.port) as sending:
            sending.sendall(head("POST", b"Transfer-Encoding: chunked\r\n" + connection, WITHOUT_IMAGES) + body)
            (answer,) = answers_in(read_to_end(sending))
        assert (answer.status, answer.closes) == (413, True)


@pytest.mark.parametrize("status", UNREAD)
def test_a_refused_client_that_waits_for_100_continue_is_told_that_the_connection_closes(
    server: Harness, smuggled: bytes, status: int
) -> None:
    length = 3_000_000 if status == 413 else len(smuggled)
    start = (UNREAD[status] % length)[:-2] + b"Expect: 100-continue\r\n\r\n"
    with connected(server.port) as connection:
        connection.sendall(start)  # A body that came together with its head would be read, and the connection kept.
        received = connection.recv(1)
        with contextlib.suppress(ConnectionError):
            connection.sendall(smuggled * 2)
        (answer,) = answers_in(received + read_to_end(connection))
    assert (answer.status, answer.closes) == (status, True)


@pytest.mark.parametrize("offer", OFFERS)
def test_a_client_that_was_told_to_continue_is_answered_and_keeps_its_connection(
    server: Harness, smuggled: bytes, offer: str
) -> None:
    with connected(server.port) as connection:
        connection.sendall(
            head("POST", OFFERS[offer] + b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(smuggled))
        )
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(smuggled + LAST_GET)
        assert [answer.status for answer in answers_in(read_to_end(connection))] == [400, 200]


def test_an_http_1_0_client_is_not_told_to_continue(server: Harness) -> None:
    start = head("POST", b"Expect: 100-continue\r\nContent-Length: 2\r\n").replace(b"HTTP/1.1", b"HTTP/1.0")
    with connected(server.port) as connection:
        connection.sendall(start + b"{}")
        assert read_to_end(connection).startswith(b"HTTP/1.1 400 ")
