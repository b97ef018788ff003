"""A real reverse proxy in front of a server: Caddy, which publishes the server under a path."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.harness.programs.finding import find_program

PREFIX: Final = "/darkroom"
_CONFIG: Final = """
{{
	admin off
	auto_https off
}}
http://127.0.0.1:{port} {{
	redir {prefix} {prefix}/
	handle_path {prefix}/* {{
		reverse_proxy 127.0.0.1:{inner} {{
			header_up X-Forwarded-Prefix {prefix}
		}}
	}}
}}
"""


@contextlib.contextmanager
def caddy_before(port: int, folder: Path) -> Iterator[str]:
    """Runs Caddy in front of the server at `port`. Yields the address under which it publishes the server."""
    program = find_program("caddy")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        outer = probe.getsockname()[1]
    config = folder / "Caddyfile"
    config.write_text(_CONFIG.format(port=outer, inner=port, prefix=PREFIX))
    command = [program, "run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    proxy = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(proxy, outer)
        yield f"http://127.0.0.1:{outer}{PREFIX}"
    finally:
        proxy.terminate()
        proxy.wait()


def _wait_until_it_listens(proxy: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert proxy.poll() is None, "the proxy ended"
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError("the proxy does not listen")
