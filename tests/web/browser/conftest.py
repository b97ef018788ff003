"""A browser, pages in it, and servers to show: the bundled model's, and one around the fake engine.

The browser lives for a module: while it does, its driver keeps an event loop of the process busy.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from service.observability import logs
from service.settings import Settings
from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program
from tests.harness.wire.http_server import Harness, serve_in_thread

START_S: Final = 200.0
WAIT_MS: Final = 60_000
"""Ends a broken test. Nothing takes that long, but for a machine with much else to do."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_program("google-chrome" if shutil.which("google-chrome") else "chromium")
    with sync_playwright() as driver:
        # Without its sandbox, because the machines that test run as root.
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        expect.set_options(timeout=WAIT_MS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor who has never been here. Scripts that fail or that the policy stops fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    context.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    yield context
    context.close()
    assert problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="module")
def bundled_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `darkroom serve` with the bundled model, in a process of its own, in exact mode."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("data")
    options = ["--port", str(port), "--admin-port", "0", "--data-dir", str(folder), "--cache-dir", "none"]
    options += ["--exact", "--warm-up-s", "1", "--threads", "1"]
    server = subprocess.Popen(
        [sys.executable, "-c", "from service.cli.app import app; app()", "serve", *options],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    _wait_until_ready(server, url)
    yield url
    server.terminate()
    server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert server.poll() is None, "the server ended"
        try:
            if httpx2.get(f"{url}/readyz").is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail("the server did not become ready")


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Harness]:
    logs.configure("warning", "json")
    yield from serve_in_thread(Settings(port=0, admin_port=None))


@pytest.fixture
def server(shared_server: Harness) -> Iterator[Harness]:
    """A server around the fake engine, without jobs."""
    shared_server.engine.reset()
    yield shared_server
    shared_server.engine.let_go()
    while jobs := shared_server.client.get("/api/v1/jobs", params={"limit": 100}).json()["data"]:
        for job in jobs:
            shared_server.client.delete(job["urls"]["self"])


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, which `make web-check` installs."""
    script: Path = ROOT / "web/node_modules/axe-core/axe.min.js"
    if script.exists():
        return script.read_text()
    find_program("npm")
    if subprocess.run(["node", ROOT / "web/scripts/version.mjs"], check=False).returncode:
        pytest.skip("this node is too old for the page's tools, of which axe-core is one")
    missing = "axe-core is not installed: `make web-check` installs it"
    if os.environ.get("CI") or os.environ.get("REQUIRE_SERVICES"):
        pytest.fail(missing)
    pytest.skip(missing)
