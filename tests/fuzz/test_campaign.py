"""A short campaign of raw requests: no internal error, no hang, and the server goes on."""

from __future__ import annotations

import logging
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from service.observability import logs
from service.settings import Settings
from tests.fuzz.campaign import fuzz
from tests.fuzz.mutations import case
from tests.harness.wire.http_server import Harness, serving

CASES = 1500


@pytest.fixture(scope="module")
def server() -> Iterator[Harness]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure("error", "json")
    try:
        with serving(Settings(port=0, admin_port=None, header_timeout_s=5, body_timeout_s=5)) as server:
            yield server
    finally:  # Other tests look at warnings.
        root.handlers = handlers
        root.setLevel(level)


def test_no_case_is_an_internal_error_or_a_hang_and_the_server_goes_on(server: Harness) -> None:
    findings = fuzz(server.port, range(CASES))
    assert findings.failures == []
    assert findings.statuses.total() >= CASES
    assert {200, 400, 404, 405, 415, 422} <= findings.statuses.keys()
    assert server.client.get("/livez").is_success


def test_a_seed_makes_one_case() -> None:
    assert case(random.Random(7)) == case(random.Random(7)) != case(random.Random(8))


def test_a_server_that_fails_or_tells_too_much_is_found_out() -> None:
    answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\nConnection: close\r\n\r\nTraceback"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(65536):
                    pass
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        findings = fuzz(listener.getsockname()[1], range(3, 4))
        thread.join()
    assert len(findings.failures) == 2
