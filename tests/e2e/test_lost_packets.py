"""Clients on a network that loses packets, before the server itself and before nginx."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx2
import pytest
from PIL import Image

from service.settings import Settings
from tests.e2e.lossy_network import lose, lose_all_of, lost_packets, own_network
from tests.harness.wire.http_server import Harness, serving, wait_until
from tests.harness.wire.nginx import HOST, PREFIX, nginx_before
from tests.harness.wire.raw_http import POST, connected

LOSS: Final = 0.05
CLIENTS: Final = 6
REQUESTS: Final = 4
SIDE: Final = 512
GENERATIONS: Final = "/v1/images/generations"


@pytest.fixture
def server() -> Iterator[Harness]:
    settings = Settings(port=0, admin_port=None, trusted_proxies="127.0.0.1", allowed_hosts=HOST, write_timeout_s=5)
    with own_network(), serving(settings) as server:
        yield server


def noise(seed: int) -> bytes:
    """An image of many packets."""
    file = io.BytesIO()
    Image.effect_noise((SIDE, SIDE), 50 + seed).save(file, "PNG")
    return file.getvalue()


def upload(url: str, seed: int) -> None:
    """One caller's requests: what is sent and what comes back is whole."""
    with httpx2.Client(base_url=url, headers={"Host": HOST}, timeout=120) as client:
        for number in range(REQUESTS):
            sent = client.post("/api/v1/uploads", files={"image": noise(seed + number)})
            assert sent.status_code == 201, sent.text
            assert (sent.json()["width"], sent.json()["height"]) == (SIDE, SIDE)
            body = {"prompt": "x", "num_inference_steps": 2, "stream": True, "partial_images": 1}
            streamed = client.post(GENERATIONS, json=body)
            assert "event: image_generation.completed" in streamed.text


@pytest.mark.parametrize("buffers", [None, False, True], ids=["server", "nginx", "nginx with buffers"])
def test_requests_and_answers_are_whole_although_packets_are_lost(
    server: Harness, tmp_path: Path, buffers: bool | None
) -> None:
    if buffers is None:
        send_to(server.url)
    else:
        with nginx_before(server.port, tmp_path, buffers=buffers) as port:
            send_to(f"http://127.0.0.1:{port}{PREFIX}")
    assert lost_packets() > CLIENTS * REQUESTS


def send_to(url: str) -> None:
    lose(LOSS)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for sent in [pool.submit(upload, url, 100 * client) for client in range(CLIENTS)]:
            sent.result()


def test_the_rows_of_a_client_that_vanishes_without_a_word_are_freed(server: Harness) -> None:
    engine = server.engine
    engine.held_before = (0, 150)
    body = b'{"prompt": "x", "num_inference_steps": 200, "stream": true, "partial_images": 3}'
    with connected(server.port) as client:
        client.sendall(POST + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_until(lambda: engine.steps > 0)
        lose_all_of(client.getsockname()[1])
        assert server.post(prompt="x", steps=1).status_code == 200, "somebody else is served"
        wait_until(lambda: engine.jobs[0].canceled and server.connections() <= 1)
    assert lost_packets() > 0
