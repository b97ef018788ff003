"""Load over real sockets: request bodies, checked responses, failures by reason."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import socket
from typing import Any

import pytest

from benchmarks.load.apis import APIS, DarkroomApi, InvalidResponse, PlainApi
from benchmarks.load.generator import offer_load
from benchmarks.load.http import connect
from benchmarks.load.summary import summarize
from benchmarks.workload import Mix, Request, at_once, poisson, schedule
from tests.benchmarks.fakes import FakeServer, Response, png, serving

REQUEST = Request("a red circle", 4, 4.0, (160, 96), seed=7)


async def respond_with_image(body: dict[str, Any]) -> Response:
    return 200, png((body["width"], body["height"]))


@pytest.mark.integration
async def test_all_requests_are_sent_even_if_the_server_responds_only_after_the_last() -> None:
    count, all_received = 20, asyncio.Event()

    async def respond_after_the_last(body: dict[str, Any]) -> Response:
        if len(server.bodies) == count:
            all_received.set()
        await all_received.wait()
        return await respond_with_image(body)

    server = FakeServer(respond_after_the_last)
    arrivals = schedule(poisson(200.0, 1), Mix().requests(1), duration_s=60.0, max_requests=count)
    async with serving(server) as url, connect(url, PlainApi(), timeout_s=60.0) as target:
        outcomes = await offer_load(arrivals, target.send)
    assert [outcome.error for outcome in outcomes] == [""] * count


@pytest.mark.integration
async def test_failed_and_invalid_responses_are_counted_by_reason() -> None:
    responses = itertools.cycle([(200, png((160, 96))), (503, b""), (200, b"no image"), (200, png((8, 8)))])

    async def respond_in_turn(body: dict[str, Any]) -> Response:
        return next(responses)

    mix = Mix(sizes=((160, 96),))
    async with serving(FakeServer(respond_in_turn)) as url, connect(url, PlainApi(), timeout_s=60.0) as target:
        summary = summarize(await offer_load(at_once(mix.requests(1), 8), target.send))
    assert (summary.requests, summary.failed) == (8, 6)
    assert summary.errors == {"status 503": 2, "not a PNG file": 2, "image size 8x8": 2}


@pytest.mark.integration
async def test_a_refused_connection_fails_the_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with connect(url, PlainApi(), timeout_s=60.0) as target:
        with pytest.raises(InvalidResponse, match="ConnectError"):
            await target.send(REQUEST)


@pytest.mark.integration
async def test_a_timeout_fails_the_request() -> None:
    closed = asyncio.Event()

    async def respond_never(body: dict[str, Any]) -> Response:
        await closed.wait()
        return 200, b""

    async with serving(FakeServer(respond_never)) as url, connect(url, PlainApi(), timeout_s=0.2) as target:
        with pytest.raises(InvalidResponse, match="Timeout"):
            await target.send(REQUEST)
        closed.set()


@pytest.mark.integration
async def test_the_plain_api_sends_a_flat_object_and_receives_a_file() -> None:
    server = FakeServer(respond_with_image)
    async with serving(server) as url, connect(url, PlainApi(), timeout_s=60.0) as target:
        file = await target.send(REQUEST)
    assert file == png((160, 96))
    assert server.bodies == [
        {"prompt": "a red circle", "steps": 4, "guidance_scale": 4.0, "width": 160, "height": 96, "seed": 7}
    ]


@pytest.mark.integration
async def test_darkroom_is_asked_in_the_openai_dialect() -> None:
    async def respond_in_base64(body: dict[str, Any]) -> Response:
        return 200, json.dumps({"data": [{"b64_json": base64.b64encode(png((160, 96))).decode()}]}).encode()

    server = FakeServer(respond_in_base64)
    async with serving(server) as url, connect(url, DarkroomApi(), timeout_s=60.0) as target:
        assert await target.send(REQUEST) == png((160, 96))
    (body,) = server.bodies
    assert (body["size"], body["num_inference_steps"], body["guidance_scale"]) == ("160x96", 4, 4.0)


@pytest.mark.parametrize("url", ["http://192.0.2.1:8000", "http://example.org"])
async def test_only_loopback_addresses_are_accepted(url: str) -> None:
    with pytest.raises(ValueError, match="not a loopback address"):
        async with connect(url, APIS["plain"], timeout_s=1.0):
            pass
