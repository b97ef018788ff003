"""Clients that hang up at any moment: within their request, while they wait, within an answer or a stream of events."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final, Self
from urllib.parse import urlsplit

import httpx2

_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets the connection, as the end of a client's process or machine may."""
_PATIENCE_S: Final = 0.3
"""The longest time until a client hangs up."""
_PAUSE_S: Final = 0.1


class RudeClients:
    """Threads that open connections one after another and drop them, within the `with` block."""

    def __init__(self, url: Callable[[], str], seed: int, *, clients: int = 2) -> None:
        self.hung_up: Counter[str] = Counter()
        """Number of dropped connections by what was asked."""
        self._url = url
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}/{number}"),)) for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, chance: random.Random) -> None:
        requests = {
            "a stream of images": _post("/v1/images/generations", {**_IMAGE, "stream": True, "partial_images": 2}),
            "an image": _post("/v1/images/generations", _IMAGE),
            "a list": b"GET /api/v1/jobs?limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            "a request cut short": _post("/api/v1/jobs", {"prompt": "x" * 1000})[:-500],
        }
        while not self._stopping.wait(_PAUSE_S * chance.random()):
            name = chance.choice([*requests, "a stream of events"])
            url = self._url()
            try:
                request = requests[name] if name in requests else _follow_the_newest_job(url)
                _send_and_hang_up(url, request, _PATIENCE_S * chance.random())
            except (OSError, httpx2.TransportError):
                self.hung_up["nothing, for nobody listened"] += 1
            else:
                self.hung_up[name] += 1


_IMAGE: Final = {"prompt": "nobody waits", "size": "64x64", "num_inference_steps": 20}


def _post(path: str, body: dict[str, object]) -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(data)}"
    return head.encode() + b"\r\n\r\n" + data


def _follow_the_newest_job(url: str) -> bytes:
    jobs = httpx2.get(f"{url}/api/v1/jobs?limit=1", timeout=5.0).json()["data"]
    path = f"/api/v1/jobs/{jobs[0]['id']}/events" if jobs else "/livez"
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _send_and_hang_up(url: str, request: bytes, after_s: float) -> None:
    address = urlsplit(url)
    assert address.hostname is not None, "servers listen on an address"
    with socket.create_connection((address.hostname, address.port or 80), timeout=5.0) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.sendall(request)
        connection.settimeout(max(after_s, 0.001))
        with contextlib.suppress(TimeoutError):  # It has waited long enough.
            connection.recv(1000)
