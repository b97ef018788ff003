"""`darkroom health` ends with a status for health checks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli.health import local_address
from service.engine.interface import Phase
from service.settings import Settings
from tests.harness.command import Command
from tests.harness.wire.http_server import Harness, serve_in_thread
from tests.levels import integration_fixture


@pytest.fixture
@integration_fixture
def served(tmp_path: Path) -> Iterator[Harness]:
    yield from serve_in_thread(Settings(data_dir=tmp_path))


@pytest.fixture
@integration_fixture
def starting(tmp_path: Path) -> Iterator[Harness]:
    yield from serve_in_thread(Settings(data_dir=tmp_path), phase=Phase.LOADING)


def test_a_server_that_serves_is_healthy_wherever_its_variables_put_it(
    served: Harness, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_HOST", "0.0.0.0")
    monkeypatch.setenv("DARKROOM_PORT", str(served.port))
    assert command("health").status == 0


def test_a_proxy_of_the_environment_is_not_asked(
    served: Harness, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert command("health", "--port", str(served.port)).status == 0


def test_a_server_that_starts_is_not_healthy_and_its_state_is_told(starting: Harness, command: Command) -> None:
    outcome = command("health", "--port", str(starting.port))
    assert outcome.status == 1
    assert f"answers 503: the engine is {Phase.LOADING}" in outcome.err


@pytest.mark.integration
def test_where_nothing_listens_nothing_is_healthy(command: Command) -> None:
    outcome = command("health", "--port", "1")
    assert outcome.status == 1
    assert "127.0.0.1:1 does not answer" in outcome.err


@pytest.mark.integration
def test_a_unix_socket_is_asked_where_the_server_listens_on_one(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    asked: list[bytes] = []

    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        outcome = command("health", "--uds", str(path))
        thread.join()
    assert outcome.status == 0
    assert asked[0].startswith(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("10.1.2.3", "10.1.2.3"),
        ("localhost", "localhost"),
        ("10.1.2.3, ::1", "10.1.2.3"),
    ],
)
def test_a_wildcard_is_reached_by_the_loopback_address_of_its_family(host: str, address: str) -> None:
    assert local_address(host) == address
