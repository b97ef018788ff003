"""Load over real sockets: requests as each API wants them, answers checked, failures counted by reason."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import socket
from typing import Any

import pytest

from benchmarks.load.apis import APIS, DarkroomApi, PlainApi, WrongAnswer
from benchmarks.load.generator import offer
from benchmarks.load.http import connect
from benchmarks.load.summary import summarize
from benchmarks.workload import Job, Mix, at_once, poisson, schedule
from tests.benchmarks.fakes import Answer, FakeServer, png, serving

JOB = Job("a red circle", 4, 4.0, (160, 96), seed=7)


async def an_image(body: dict[str, Any]) -> Answer:
    return 200, png((body["width"], body["height"]))


@pytest.mark.integration
async def test_every_job_is_sent_though_the_server_answers_nothing_before_the_last_has_come() -> None:
    count, all_here = 20, asyncio.Event()

    async def after_the_last(body: dict[str, Any]) -> Answer:
        if len(server.bodies) == count:
            all_here.set()
        await all_here.wait()
        return await an_image(body)

    server = FakeServer(after_the_last)
    arrivals = schedule(poisson(200.0, 1), Mix().jobs(1), duration_s=60.0, max_jobs=count)
    async with serving(server) as url, connect(url, PlainApi(), timeout_s=60.0) as target:
        outcomes = await offer(arrivals, target.send)
    assert [outcome.error for outcome in outcomes] == [""] * count


@pytest.mark.integration
async def test_failed_and_wrong_answers_are_counted_by_reason() -> None:
    answers = itertools.cycle([(200, png((160, 96))), (503, b""), (200, b"no image"), (200, png((8, 8)))])

    async def in_turn(body: dict[str, Any]) -> Answer:
        return next(answers)

    mix = Mix(sizes=((160, 96),))
    async with serving(FakeServer(in_turn)) as url, connect(url, PlainApi(), timeout_s=60.0) as target:
        summary = summarize(await offer(at_once(mix.jobs(1), 8), target.send))
    assert (summary.jobs, summary.failed) == (8, 6)
    assert summary.errors == {"status 503": 2, "not a PNG file": 2, "an image of 8x8": 2}


@pytest.mark.integration
async def test_a_server_that_is_not_there_fails_the_job() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with connect(url, PlainApi(), timeout_s=60.0) as target:
        with pytest.raises(WrongAnswer, match="ConnectError"):
            await target.send(JOB)


@pytest.mark.integration
async def test_an_answer_that_does_not_come_in_time_fails_the_job() -> None:
    left = asyncio.Event()

    async def never(body: dict[str, Any]) -> Answer:
        await left.wait()
        return 200, b""

    async with serving(FakeServer(never)) as url, connect(url, PlainApi(), timeout_s=0.2) as target:
        with pytest.raises(WrongAnswer, match="Timeout"):
            await target.send(JOB)
        left.set()


@pytest.mark.integration
async def test_the_plain_api_is_a_flat_object_and_a_file() -> None:
    server = FakeServer(an_image)
    async with serving(server) as url, connect(url, PlainApi(), timeout_s=60.0) as target:
        file = await target.send(JOB)
    assert file == png((160, 96))
    assert server.bodies == [
        {"prompt": "a red circle", "steps": 4, "guidance_scale": 4.0, "width": 160, "height": 96, "seed": 7}
    ]


@pytest.mark.integration
async def test_darkroom_is_asked_in_its_own_dialect() -> None:
    async def in_base64(body: dict[str, Any]) -> Answer:
        return 200, json.dumps({"data": [{"b64_json": base64.b64encode(png((160, 96))).decode()}]}).encode()

    server = FakeServer(in_base64)
    async with serving(server) as url, connect(url, DarkroomApi(), timeout_s=60.0) as target:
        assert await target.send(JOB) == png((160, 96))
    (body,) = server.bodies
    assert (body["size"], body["num_inference_steps"], body["guidance_scale"]) == ("160x96", 4, 4.0)


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"data": []}', b'{"data": [{"b64_json": "*"}]}', b'{"data": null}'])
def test_an_answer_without_an_image_is_wrong(answer: bytes) -> None:
    with pytest.raises(WrongAnswer, match="no image"):
        DarkroomApi().image(answer)


@pytest.mark.parametrize("url", ["http://192.0.2.1:8000", "http://example.org"])
async def test_load_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        async with connect(url, APIS["plain"], timeout_s=1.0):
            pass
