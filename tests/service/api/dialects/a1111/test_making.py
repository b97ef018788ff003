"""A request is answered with its images, or with those that are finished when its caller interrupts it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import pytest

from service.errors import GenerationFailedError, QueueFullError
from tests.service.api.dialects.a1111.waiting import until, until_busy
from tests.service.api.in_process import Api

TXT2IMG = "/sdapi/v1/txt2img"


@pytest.mark.parametrize("stop", ["interrupt", "skip"])
async def test_an_interrupted_request_is_answered_with_what_it_has(api: Api, stop: str) -> None:
    api.engine.held_before = (1, 2)
    asking = asyncio.ensure_future(api.client.post(TXT2IMG, json={"steps": 2, "n_iter": 3, "seed": 5}))
    await until_busy(api.client, progress_made=0.5)

    assert (await api.client.post(f"/sdapi/v1/{stop}")).json() == {}
    answer = await asking

    info = json.loads(answer.json()["info"])
    assert (answer.status_code, len(answer.json()["images"]), info["all_seeds"], info["seed"]) == (200, 1, [5], 5)
    (job,) = api.engine.jobs
    assert job.canceled
    assert (await api.client.get("/sdapi/v1/progress")).json()["state"]["job_count"] == 0


async def test_a_request_that_waits_in_line_is_interrupted_too(api: Api) -> None:
    api.engine.bound(max_queued_images=1)
    api.engine.held_before = (0, 1)
    first = asyncio.ensure_future(api.client.post(TXT2IMG, json={"steps": 1}))
    await until_busy(api.client)
    second = asyncio.ensure_future(api.client.post(TXT2IMG, json={"steps": 1}))
    await until(lambda: len(api.engine.line) == 1)

    await api.client.post("/sdapi/v1/interrupt")

    for answer in (await first, await second):
        assert (answer.status_code, answer.json()["images"]) == (200, [])
    assert all(job.ended for job in api.engine.jobs)


@pytest.mark.parametrize("error", [QueueFullError("Full.", retry_after_s=2.0), GenerationFailedError("It failed.")])
async def test_a_failure_is_an_error_and_no_answer_with_images(api: Api, error: Any) -> None:
    if isinstance(error, QueueFullError):
        api.engine.refusals.append(error)
    else:
        api.engine.failure = error
    answer: httpx2.Response = await api.client.post(TXT2IMG, json={"steps": 1})

    assert (answer.status_code, answer.json()["error"]) == (error.status, error.code)
    assert (await api.client.get("/sdapi/v1/progress")).json()["progress"] == 0.0


async def test_an_interrupt_without_a_request_does_nothing(api: Api) -> None:
    assert (await api.client.post("/sdapi/v1/interrupt")).json() == {}
    assert (await api.client.post(TXT2IMG, json={"steps": 1})).status_code == 200
