"""The end of a server that is told to stop while nothing is being made."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import httpx2
import pytest

from tests.harness.bundled_server import free_port
from tests.harness.served.server_process import running_server, starting_server
from tests.harness.wire.http_server import wait_until
from tests.harness.wire.raw_http import GET, connected, read_to_end

LONG_DRAIN = {"drain_timeout_s": 3600}
"""No test waits for it."""


def is_alive(client: httpx2.Client) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return client.get("/livez").status_code == 200
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_server_that_loads_its_model_exits_0(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    with (
        starting_server(tmp_path, "--load-s", "3600", **LONG_DRAIN, port=port) as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        wait_until(lambda: is_alive(client))
        assert client.get("/readyz").status_code == 503
        server.send_signal(number)
        assert server.wait(timeout=60) == 0


def test_a_server_that_nohup_started_outlives_its_terminal(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # What nohup does; the server inherits it.
    try:
        with running_server(tmp_path) as (server, client):
            server.send_signal(signal.SIGHUP)
            assert [client.get("/readyz").status_code for _ in range(20)] == [200] * 20
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=60) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_idle_connections_are_closed_and_hold_nothing_up(tmp_path: Path) -> None:
    with running_server(tmp_path, **LONG_DRAIN) as (server, client), contextlib.ExitStack() as opened:
        port = client.base_url.port
        assert port is not None
        silent = [opened.enter_context(connected(port)) for _ in range(10)]
        idle = [opened.enter_context(connected(port)) for _ in range(10)]
        for connection in idle:
            connection.sendall(GET)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")  # Its body may come later.
        server.send_signal(signal.SIGTERM)
        assert [read_to_end(connection) for connection in silent] == [b""] * 10
        assert {read_to_end(connection) for connection in idle} <= {b"", b'{"status":"ok"}'}
        assert server.wait(timeout=60) == 0


def test_streams_of_jobs_that_are_given_back_end_with_an_event_that_says_so(tmp_path: Path) -> None:
    job = {"prompt": "x", "num_inference_steps": 200, "width": 64, "height": 64}
    with running_server(tmp_path, "--call-s", "0.3", **LONG_DRAIN) as (server, client):
        job_id = client.post("/api/v1/jobs", json=job).json()["id"]
        with client.stream("GET", f"/api/v1/jobs/{job_id}/events") as stream:
            lines = stream.iter_lines()
            while next(lines) != "event: progress":
                pass
            server.send_signal(signal.SIGTERM)
            wait_until(lambda: client.get("/readyz").status_code == 503)
            server.send_signal(signal.SIGTERM)
            events = [line for line in lines if line.startswith("event: ")]
        assert server.wait(timeout=60) == 0
    assert events[-1] == "event: closing"
