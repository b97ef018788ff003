"""The metrics count open connections and the protocol's refusals, which no middleware sees."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from service.settings import Settings
from tests.harness.wire.http_server import Harness, serve_in_thread, serving, wait_until
from tests.harness.wire.raw_http import GET, connected, read_to_end


@pytest.fixture(scope="module")
def strict() -> Iterator[Harness]:
    """A server with short deadlines."""
    yield from serve_in_thread(Settings(header_timeout_s=0.4))


def shows(server: Harness, line: str) -> bool:
    return line in server.metrics.exposition(ready=True, backlog_s=0.0).decode().splitlines()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (GET[:20], 408),
        (b"GET /livez HTTP/1.1\r\nX: " + b"x" * 40_000, 431),
        (b"GET /livez HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ],
)
def test_a_refusal_is_counted_by_its_status(strict: Harness, sent: bytes, status: int) -> None:
    with connected(strict.port) as connection:
        connection.sendall(sent)
        assert read_to_end(connection).startswith(f"HTTP/1.1 {status} ".encode())
    assert shows(strict, f'darkroom_protocol_refusals_total{{status="{status}"}} 1.0')


def test_open_connections_are_counted_and_those_beyond_the_bound_are_refused() -> None:
    with serving(Settings(header_timeout_s=3600, max_connections=2)) as server:
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(connected(server.port))
            wait_until(lambda: shows(server, 'darkroom_connections{listener="api"} 2.0'))
            third = stack.enter_context(connected(server.port))
            assert read_to_end(third).startswith(b"HTTP/1.1 503 ")
        assert shows(server, 'darkroom_protocol_refusals_total{status="503"} 1.0')
        wait_until(lambda: shows(server, 'darkroom_connections{listener="api"} 0.0'))
