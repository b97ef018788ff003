"""A server whose connections are all taken answers probes, and refuses all else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import httpx2
import pytest

from service.server.listeners import ADMIN_CONNECTIONS, edge_limits
from service.settings import Settings
from tests.harness.wire.http_server import Harness, wait_until
from tests.harness.wire.raw_http import (
    GET,
    OPENAI_SHAPE,
    POST,
    PROBLEM_SHAPE,
    Answer,
    answers_in,
    connected,
    exchange,
    read_to_end,
    shape_of,
)
from tests.service.serving import Serve

CONNECTIONS: Final = 4


@pytest.fixture(scope="module")
def full(serve: Serve) -> Iterator[Harness]:
    """A server of which silent clients hold every connection."""
    with serve(max_connections=CONNECTIONS, header_timeout_s=3600) as server, contextlib.ExitStack() as taken:
        for _ in range(CONNECTIONS):
            taken.enter_context(connected(server.port))
        wait_until(lambda: server.connections() == CONNECTIONS)
        yield server


def one_answer(server: Harness, request: bytes, *, method: str = "GET") -> Answer:
    (answer,) = exchange(server.port, [request], method=method)
    return answer


@pytest.mark.parametrize("path", [b"/livez", b"/readyz", b"/health", b"/livez?from=here"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_full_server_answers_probes_and_closes(full: Harness, path: bytes, method: bytes) -> None:
    request = GET.replace(b"GET", method).replace(b"/livez", path)
    answer = one_answer(full, request, method=method.decode())
    assert (answer.status, answer.closes) == (200, True)


@pytest.mark.parametrize(
    ("request_bytes", "shape"),
    [
        (POST + b"Content-Length: 2\r\n\r\n{}", OPENAI_SHAPE),
        (GET.replace(b"/livez", b"/api/v1/jobs"), PROBLEM_SHAPE),
        (GET.replace(b"GET", b"POST"), PROBLEM_SHAPE),
        (GET.replace(b"/livez", b"/livez/"), PROBLEM_SHAPE),
    ],
)
def test_a_full_server_refuses_all_else_and_says_when_to_try_again(
    full: Harness, request_bytes: bytes, shape: tuple[str, set[str]]
) -> None:
    answer = one_answer(full, request_bytes)
    assert (answer.status, answer.closes, shape_of(answer)) == (503, True, shape)
    assert int(answer.headers["retry-after"]) > 0


def test_a_full_server_answers_one_probe_a_connection(full: Harness) -> None:
    assert one_answer(full, GET + GET).status == 200


def test_a_full_server_does_not_wait_long_for_a_request(full: Harness) -> None:
    with connected(full.port) as connection:
        assert answers_in(read_to_end(connection))[0].status == 503


def test_the_admin_listener_of_a_full_server_answers_probes(full: Harness) -> None:
    for path in ("/livez", "/readyz"):
        assert httpx2.get(f"{full.admin_url}{path}", timeout=60).status_code == 200


def test_each_listener_has_its_bounds_from_the_settings() -> None:
    settings = Settings(max_connections=1000, max_connections_per_address=7, trusted_proxies="192.0.2.1, fd00::/8")
    api, admin = edge_limits(settings), edge_limits(settings, "admin")
    assert (api.max_connections, admin.max_connections) == (1000, ADMIN_CONNECTIONS)
    assert api.max_connections_per_address == 7
    assert [str(network) for network in api.uncounted] == ["127.0.0.0/8", "::1/128", "192.0.2.1/32", "fd00::/8"]
