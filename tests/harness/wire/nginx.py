"""nginx in front of a server, with the configuration of docs/proxies.md."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.harness.bundled_server import free_port
from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program
from tests.harness.wire.http_server import wait_until
from tests.harness.wire.raw_http import connected

HOST: Final = "example.org"
"""The name of the site in the page."""
PREFIX: Final = "/darkroom"
"""The path under which the page has nginx publish the server."""
_PAGE: Final = ROOT / "docs" / "proxies.md"
_MAIN: Final = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""


@contextlib.contextmanager
def nginx_before(port: int, folder: Path, *, buffers: bool) -> Iterator[int]:
    """Runs nginx before the server at `port`, with its files in `folder`. Yields nginx's own port.

    `buffers` is whether nginx takes an answer from the server as fast as it can, and keeps it for a slow client.
    """
    program, outer = find_program("nginx", "/usr/sbin"), free_port()
    config = folder / "nginx.conf"
    server = _of_the_page(
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{outer};",
            "http://127.0.0.1:8000/": f"http://127.0.0.1:{port}/",
            "proxy_buffering off;": f"proxy_buffering {'on' if buffers else 'off'};",
        }
    )
    config.write_text(_MAIN.format(folder=folder, server=server))
    with subprocess.Popen([program, "-e", folder / "log", "-c", config]) as nginx:
        try:
            wait_until(lambda: nginx.poll() is not None or _listens(outer))
            assert nginx.poll() is None, (folder / "log").read_text()
            yield outer
        finally:
            nginx.terminate()


def _of_the_page(changes: dict[str, str]) -> str:
    """The page's server block with these changes."""
    (block,) = re.findall(r"^## nginx\n\n```\n(.+?)^```", _PAGE.read_text(), re.MULTILINE | re.DOTALL)
    server = str(block)
    for text, changed in changes.items():
        assert server.count(text) == 1, f"docs/proxies.md has no {text!r} for nginx"
        server = server.replace(text, changed)
    return server


def _listens(port: int) -> bool:
    with contextlib.suppress(ConnectionRefusedError), connected(port):
        return True
    return False
