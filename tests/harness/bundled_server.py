"""`darkroom serve` with the bundled model, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx2
import pytest

from tests.harness.paths import ROOT

START_S: Final = 200.0
"""Upper bound on the start, far longer than it takes on a busy machine."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class BundledServer:
    """A running server. `options` are those of `darkroom serve`."""

    def __init__(self, data_dir: Path, *options: str, tracer: Sequence[str] = ()) -> None:
        """`tracer` is a command that becomes the command that follows it, and watches it from outside."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = "from darkroom.cli.app import main; main()"
        common = ["--port", str(self.port), "--admin-port", "0", "--data-dir", str(data_dir), "--cache-dir", "none"]
        self.process = subprocess.Popen(
            [*tracer, sys.executable, "-c", command, "serve", *common, *options],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        self.client = httpx2.Client(base_url=self.url, timeout=START_S)
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            assert self.process.poll() is None, "the server ended"
            try:
                if self.client.get("/readyz").is_success:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.2)
        pytest.fail("the server did not become ready")

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()
