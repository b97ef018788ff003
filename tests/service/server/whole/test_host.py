"""The server serves without a reader of its log, with few descriptors, and on a path instead of a port."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

import httpx2
import pytest

from tests.harness.paths import ROOT
from tests.harness.wire.http_server import wait_until
from tests.harness.wire.raw_http import connected

QUICK: Final = {"prompt": "x", "steps": 1, "size": "64x64"}
FEW_FILES: Final = 400
PIPE_BYTES: Final = 4096
F_SETPIPE_SZ: Final = 1031
"""The fcntl that sets the size of a pipe. Python 3.10 and later name it, and only on Linux."""


@contextlib.contextmanager
def serving(
    data_dir: Path, settings: Mapping[str, object], *, log: IO[bytes] | int, max_files: int | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yields the process of a serving server, and its URL."""
    chosen = {"port": 0, "admin_port": "none", "data_dir": data_dir, **settings}
    variables = {f"DARKROOM_{name.upper()}": str(value) for name, value in chosen.items()}
    limits = [] if max_files is None else ["prlimit", f"--nofile={max_files // 2}:{max_files}"]
    with subprocess.Popen(
        [*limits, sys.executable, "-m", "tests.service.api.serve_fake"],
        env=os.environ | variables | {"PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    ) as server:
        assert server.stdout is not None, "Popen was called with a pipe"
        try:
            yield server, server.stdout.readline().strip()
        finally:
            server.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can make a pipe small")
def test_a_log_that_nobody_reads_stops_neither_the_server_nor_its_worker(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, PIPE_BYTES)
    with (
        os.fdopen(reading, "rb") as log,
        serving(tmp_path, {"log_level": "debug"}, log=writing) as (server, url),
        httpx2.Client(base_url=url, timeout=60) as client,
    ):
        os.close(writing)
        for _ in range(3 * PIPE_BYTES // 100):  # A line has more than a hundred bytes.
            assert client.get("/livez").status_code == 200
        assert client.post("/v1/images/generations", json=QUICK).status_code == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
        assert len(log.read()) <= PIPE_BYTES


def lives(client: httpx2.Client) -> bool:
    """Returns whether the server answers. While it still takes in a flood, it may close the connection instead."""
    try:
        return client.get("/livez").status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit, of Linux's util-linux, is not installed")
def test_a_flood_of_connections_exhausts_no_descriptors_and_fills_no_log(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = {"max_connections": 5000, "header_timeout_s": 600}
    with (
        tempfile.TemporaryFile() as log,
        serving(tmp_path, settings, log=log, max_files=FEW_FILES) as (_, url),
    ):
        port = httpx2.URL(url).port
        assert port is not None
        with contextlib.ExitStack() as flood:
            for _ in range(2 * FEW_FILES):
                flood.enter_context(connected(port))
        with httpx2.Client(base_url=url, timeout=60) as client:
            wait_until(lambda: lives(client))
            assert client.post("/v1/images/generations", json=QUICK).status_code == 200
        log.seek(0)
        lines = [json.loads(line) for line in log if line.startswith(b"{")]
    (clamped,) = (line for line in lines if "fewer connections than configured" in line["event"])
    assert (clamped["open_files"], clamped["configured"]) == (FEW_FILES, 5000)
    assert 0 < clamped["max_connections"] < FEW_FILES
    assert len(lines) < 30, lines


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_server_answers_on_a_unix_socket_and_removes_it_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with serving(tmp_path, {"uds": path, "uds_mode": "600"}, log=subprocess.DEVNULL) as (server, url):
        assert url == f"unix:{path}"
        command = ["curl", "-s", "--unix-socket", str(path), "http://localhost/v1/images/generations"]
        made = subprocess.run([*command, "--json", json.dumps(QUICK)], capture_output=True, check=True)
        assert "b64_json" in json.loads(made.stdout)["data"][0]
        with socket.socket(socket.AF_UNIX) as half:
            half.connect(str(path))
            half.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            half.shutdown(socket.SHUT_WR)
            half.settimeout(60)
            answer = b"".join(iter(lambda: half.recv(65536), b""))
        assert b'{"status":"ok"}' in answer
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
    assert not path.exists()
