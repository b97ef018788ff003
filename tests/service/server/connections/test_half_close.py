"""A client that has only stopped sending gets its answer, and one that has gone is detected."""

from __future__ import annotations

import json
import socket

import pytest

from service.server.connections.half_close import question
from tests.harness.wire.http_server import Harness, wait_until
from tests.harness.wire.raw_http import GET, POST, answers_in, connected, read_to_end

LONG = {"prompt": "x", "steps": 200}


def generation(version: str = "1.1", **fields: object) -> bytes:
    body = json.dumps(fields).encode()
    return POST.replace(b"HTTP/1.1", f"HTTP/{version}".encode()) + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def final_answers(raw: bytes) -> list[int]:
    return [answer.status for answer in answers_in(raw)]


@pytest.mark.parametrize(
    ("version", "begun", "events", "asked"),
    [
        ("1.1", False, False, b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("1.0", False, False, None),
        ("1.1", True, False, None),
        ("1.1", True, True, b"3\r\n:\n\n\r\n"),
    ],
)
def test_what_a_client_can_be_asked(version: str, *, begun: bool, events: bool, asked: bytes | None) -> None:
    assert question(version, has_begun=begun, is_chunked_event_stream=events) == asked


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_client_that_stops_sending_after_its_request_gets_the_answer(server: Harness, version: str) -> None:
    with connected(server.port) as connection:
        connection.sendall(generation(version, prompt="x", steps=1))
        connection.shutdown(socket.SHUT_WR)
        assert final_answers(read_to_end(connection)) == [200]


def test_a_client_that_stops_sending_is_waited_for_while_its_image_is_made(server: Harness) -> None:
    server.engine.step_s = 0.02
    with connected(server.port) as connection:
        connection.sendall(generation(prompt="x", steps=60))
        wait_until(lambda: server.engine.steps > 0)
        connection.shutdown(socket.SHUT_WR)
        assert final_answers(read_to_end(connection)) == [200]


def test_the_job_of_a_client_that_stops_sending_is_named_to_it(server: Harness) -> None:
    body = b'{"prompt": "x"}'
    head = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with connected(server.port) as connection:
        connection.sendall(head % len(body) + body)
        connection.shutdown(socket.SHUT_WR)
        (answer,) = answers_in(read_to_end(connection))
    assert answer.status == 202
    assert json.loads(answer.body)["id"].startswith("job_")


def test_all_requests_that_were_sent_before_the_end_are_answered_in_order(server: Harness) -> None:
    with connected(server.port) as connection:
        connection.sendall(GET + GET.replace(b"livez", b"nowhere") + generation(prompt="x", steps=1) + b"GET /live")
        connection.shutdown(socket.SHUT_WR)
        assert final_answers(read_to_end(connection)) == [200, 404, 200]


def test_a_stream_goes_on_for_a_client_that_stops_sending(server: Harness) -> None:
    server.engine.step_s = 0.02
    with connected(server.port) as connection:
        connection.sendall(generation(prompt="x", steps=40, stream=True))
        head = connection.recv(65536)
        connection.shutdown(socket.SHUT_WR)
        (answer,) = answers_in(head + read_to_end(connection))
    assert b"image_generation.completed" in answer.body


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("half_first", [False, True], ids=["at once", "after it stopped sending"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_rows_of_a_client_that_has_gone_are_freed(
    server: Harness, version: str, *, half_first: bool, stream: bool
) -> None:
    server.engine.held_before = (0, 2)
    with connected(server.port) as connection:
        connection.sendall(generation(version, **LONG, stream=stream))
        if stream:
            connection.recv(65536)
        wait_until(lambda: server.engine.steps > 0)
        if half_first:
            connection.shutdown(socket.SHUT_WR)
    wait_until(lambda: server.engine.jobs[0].canceled and server.engine.idle)
    assert server.engine.steps == 1


def test_a_request_whose_end_never_comes_is_given_up(server: Harness) -> None:
    with connected(server.port) as connection:
        connection.sendall(POST + b'Content-Length: 100\r\n\r\n{"prompt": ')
        connection.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == b""
    assert server.engine.jobs == []
