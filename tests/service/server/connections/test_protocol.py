"""The limits of a connection, tested with clients that misbehave."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.harness.wire.http_server import Harness, serve_in_thread, serving, wait_until
from tests.harness.wire.raw_http import (
    BETWEEN_SEGMENTS_S,
    GET,
    LAST_GET,
    POST,
    RAW_HOST,
    answers_in,
    assert_refused,
    connected,
    read_to_end,
)


@pytest.fixture(scope="module")
def strict() -> Iterator[Harness]:
    """A server with short deadlines that accepts four connections."""
    yield from serve_in_thread(
        Settings(
            header_timeout_s=0.4, body_timeout_s=0.4, write_timeout_s=0.4, max_connections=4, allowed_hosts=RAW_HOST
        )
    )


def test_a_head_that_never_ends_is_refused_after_the_timeout(strict: Harness) -> None:
    with connected(strict.port) as connection:
        connection.sendall(GET[:20])
        assert_refused(answers_in(read_to_end(connection)), 408)


def test_sending_a_head_byte_by_byte_does_not_extend_its_deadline(strict: Harness) -> None:
    with connected(strict.port) as connection, contextlib.suppress(ConnectionError):
        connection.settimeout(0.05)
        connection.sendall(b"GET /livez HTTP/1.1\r\nX: ")
        answer = b""
        while not answer:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65536)
        assert_refused(answers_in(answer), 408)


def test_a_connection_that_sends_nothing_is_closed_without_an_answer(strict: Harness) -> None:
    with connected(strict.port) as connection:
        assert read_to_end(connection) == b""


def test_empty_lines_do_not_keep_a_connection_alive(strict: Harness) -> None:
    with connected(strict.port) as connection:
        connection.sendall(GET)
        answer = b""
        while not answer.endswith(b'{"status":"ok"}'):
            answer += connection.recv(65536)
        connection.sendall(b"\r\n")
        assert_refused(answers_in(read_to_end(connection)), 408)


def test_a_body_that_never_ends_is_refused_after_the_timeout_and_submits_no_job(strict: Harness) -> None:
    with connected(strict.port) as connection:
        connection.sendall(POST + b'Content-Length: 100\r\n\r\n{"prompt": ')
        assert_refused(answers_in(read_to_end(connection)), 408)
    assert strict.engine.jobs == []


@pytest.mark.parametrize("head", [b"X: " + b"x" * 40_000 + b"\r\n\r\n", b"X: y\r\n" * 10_000, b"X" * 40_000])
def test_a_head_that_is_too_large_is_refused(strict: Harness, head: bytes) -> None:
    with connected(strict.port) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n" + head)
        assert_refused(answers_in(read_to_end(connection)), 431)


@pytest.mark.parametrize("line", [b"nonsense\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"])
def test_an_invalid_request_line_is_refused(strict: Harness, line: bytes) -> None:
    with connected(strict.port) as connection:
        connection.sendall(line)
        assert_refused(answers_in(read_to_end(connection)), 400)


def test_a_request_with_an_upgrade_offer_is_answered_over_http_1_1(strict: Harness) -> None:
    with connected(strict.port) as connection:
        connection.sendall(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_a_client_whose_body_is_refused_early_gets_the_answer(strict: Harness) -> None:
    with connected(strict.port) as connection:
        connection.sendall(POST + b"Content-Length: 1000000000\r\n\r\n" + b"x" * 1000)
        assert read_to_end(connection).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_keeps_sending_a_refused_body_is_disconnected(strict: Harness) -> None:
    with connected(strict.port) as connection:
        connection.sendall(POST + b"Content-Length: 1000000000000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(b"x" * 1000)
    wait_until(lambda: strict.connections() == 0)


def test_an_answer_that_the_client_does_not_read_is_aborted(strict: Harness) -> None:
    strict.engine.reset()
    body = json.dumps({"prompt": "noise", "size": "1024x1024", "n": 2, "steps": 1, "seed": 1}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", strict.port))
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_until(lambda: bool(strict.engine.jobs))
        wait_until(lambda: strict.connections() == 0)


def test_connections_over_the_limit_are_refused() -> None:
    with serving(Settings(max_connections=4, header_timeout_s=3600)) as server, contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connected(server.port))
        wait_until(lambda: server.connections() == 4)
        with connected(server.port) as fifth:
            assert_refused(answers_in(read_to_end(fifth)), 503)


def test_pipelined_requests_are_all_answered_in_order(strict: Harness) -> None:
    with connected(strict.port) as connection:
        connection.sendall(GET + GET.replace(b"livez", b"nowhere") + LAST_GET)
        answers = read_to_end(connection).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"404", b"200"]


def test_garbage_after_a_request_cancels_it_and_frees_its_rows(strict: Harness) -> None:
    strict.engine.reset()
    strict.engine.held_before = (0, 2)
    body = b'{"prompt": "x", "steps": 200}'
    with connected(strict.port) as connection:
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_until(lambda: strict.engine.steps > 0)
        connection.sendall(b"nonsense\r\n\r\n")
        assert read_to_end(connection) == b""
    wait_until(lambda: strict.engine.jobs[0].canceled)


def test_a_request_with_garbage_after_it_gets_at_most_one_answer(strict: Harness) -> None:
    strict.engine.reset()
    strict.engine.held_before = (0, 2)
    body = json.dumps({"prompt": "x", "steps": 200, "stream": True}).encode()
    with connected(strict.port) as connection:
        connection.sendall(POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_until(lambda: strict.engine.steps > 0)
        connection.sendall(b"nonsense\r\n\r\n")
        assert read_to_end(connection).count(b"HTTP/1.1 ") <= 1
    wait_until(lambda: strict.engine.jobs[0].canceled)


def test_a_client_that_hangs_up_with_pipelined_requests_frees_the_rows_of_the_running_one(strict: Harness) -> None:
    strict.engine.reset()
    strict.engine.held_before = (0, 2)
    body = json.dumps({"prompt": "x", "steps": 200}).encode()
    with connected(strict.port) as connection:
        connection.sendall((POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)) * 2)
        wait_until(lambda: strict.engine.steps > 0)
    wait_until(lambda: strict.engine.jobs[0].canceled and strict.engine.idle)
    assert len(strict.engine.jobs) == 1
    assert strict.engine.steps == 1


def test_a_connection_over_the_limit_gets_its_answer_even_after_it_sent_a_body() -> None:
    with serving(Settings(max_connections=1, allowed_hosts=RAW_HOST)) as server, connected(server.port) as first:
        first.sendall(GET)
        first.recv(65536)
        with connected(server.port) as second:
            for segment in (POST + b"Content-Length: 500000\r\n\r\n", b"x" * 250_000, b"x" * 250_000):
                time.sleep(BETWEEN_SEGMENTS_S)
                second.sendall(segment)
            assert_refused(answers_in(read_to_end(second)), 503)


@pytest.mark.parametrize("stream", [False, True])
def test_no_bound_cuts_off_a_client_that_waits_for_a_slow_image(*, stream: bool) -> None:
    bounds = {
        "header_timeout_s": 0.2,
        "body_timeout_s": 0.2,
        "keep_alive_timeout_s": 0.2,
        "write_timeout_s": 0.2,
        "drain_timeout_s": 0.2,
    }
    with serving(Settings.model_validate(bounds)) as server:
        server.engine.held_before = (0, 1)
        release = threading.Timer(3.0, server.engine.let_go)
        release.start()
        answer = server.post(prompt="x", steps=1, stream=stream)
        release.join()
    assert answer.status_code == 200
    assert b"b64_json" in answer.content


def test_the_server_still_serves_after_all_of_this(strict: Harness) -> None:
    assert strict.client.get("/livez").status_code == 200
