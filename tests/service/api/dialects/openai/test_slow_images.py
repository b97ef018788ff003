"""Images that take longer than their callers wait: what callers are told, and how their next try finds the image."""

from __future__ import annotations

import asyncio
import threading

from tests.harness.wire.http_server import Harness
from tests.service.api.in_process import GENERATIONS, Api


def test_a_client_that_times_out_gets_its_image_with_a_later_try(server: Harness) -> None:
    import openai

    server.engine.held_before = (0, 1)
    release = threading.Timer(3.0, server.engine.let_go)
    release.start()
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=2.0, max_retries=8) as impatient:
        answer = impatient.images.generate(prompt="x", extra_body={"steps": 1})
    release.join()

    assert answer.data is not None
    assert len(server.engine.jobs) == 1, "no try began anew"


async def test_a_repeated_idempotency_key_finds_the_image_that_is_being_made(api: Api) -> None:
    api.engine.held_before = (0, 1)
    body = {"prompt": "x", "num_inference_steps": 1}
    first = asyncio.create_task(api.client.post(GENERATIONS, json=body, headers={"Idempotency-Key": "a"}))
    while not api.engine.jobs:  # noqa: ASYNC110 - the fake engine has no event for it
        await asyncio.sleep(0.005)
    for _ in range(100):  # The job is submitted, and the request goes on to wait for it.
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(api.client.post(GENERATIONS, json=body, headers={"Idempotency-Key": "a"}))
    await asyncio.sleep(0.02)
    api.engine.let_go()

    assert (await second).status_code == 200
    assert len(api.engine.jobs) == 1


async def test_a_slow_answer_says_what_to_use_instead(api: Api) -> None:
    api.engine.image_s = 1100.0
    answer = await api.generate()

    assert answer.status_code == 200
    assert "/api/v1/jobs" in answer.headers["x-slow-request"]
    streamed = await api.generate(stream=True)
    assert "x-slow-request" not in streamed.headers


async def test_a_client_that_cannot_wait_for_its_image_is_refused_before_it_is_made(api: Api) -> None:
    api.engine.image_s = 1100.0
    body = {"prompt": "x", "num_inference_steps": 1}
    refused = await api.client.post(GENERATIONS, json=body, headers={"X-Stainless-Read-Timeout": "60"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "client_timeout")
    assert not api.engine.jobs
