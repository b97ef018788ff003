"""SillyTavern's own server, as its package starts it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.clients.running import application_environment, environment_folder
from tests.harness.bundled_server import free_port
from tests.harness.programs.finding import find_program
from tests.harness.programs.running import answers, running, wait_until

_LIMIT_S = 300.0
"""Bounds a request."""


class SillyTavern:
    """The requests that SillyTavern's page sends to its server about one source of images."""

    def __init__(self, url: str, source: dict[str, str], limit_s: float = _LIMIT_S) -> None:
        """`source` is what the user has set: the address, and the user and password that go with it."""
        self._client = httpx2.Client(base_url=url, timeout=limit_s)
        self._source = source

    def ask(self, route: str, **fields: Any) -> httpx2.Response:
        """POST to a route of its image generation."""
        answer = self._client.post(f"/api/sd/{route}", json={**self._source, **fields})
        assert answer.is_success, f"{route}: {answer.text}"
        return answer

    def close(self) -> None:
        self._client.close()


@contextlib.contextmanager
def sillytavern(folder: Path) -> Iterator[str]:
    """Runs the server for the length of the block, with its data in the folder. Gives its address."""
    port = free_port()
    package = environment_folder("sillytavern") / "node_modules" / "sillytavern"
    command: list[str | Path] = [find_program("node"), package / "server.js", "--port", str(port), "--disableCsrf"]
    command += ["--dataRoot", folder / "data", "--configPath", folder / "config.yaml"]
    command += ["--browserLaunchEnabled", "false"]
    log = folder / "sillytavern.log"
    url = f"http://127.0.0.1:{port}"
    with running(command, log, environment=application_environment(folder), cwd=folder) as process:
        wait_until(lambda: answers(f"{url}/version"), f"SillyTavern, whose log is {log},", process)
        yield url
