"""The SDK's types as type checkers see them: mypy reads the tests too, and fails where one is not as stated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import httpx2

from darkroom import (
    AsyncDarkroom,
    AsyncJob,
    AsyncJobImage,
    Darkroom,
    Image,
    ImageReady,
    ImagesResult,
    Job,
    JobEnded,
    JobImage,
    JobRecord,
    JobSummary,
    Model,
    RawResponse,
)
from tests.client import answers


def respond(request: httpx2.Request) -> httpx2.Response:
    """One job that has ended, one image, no model."""
    if request.url.path.endswith("/events"):
        image = answers.job_event(1, "image", **answers.image_record())
        return answers.stream(image + answers.job_event(2, "done", **answers.job_record("succeeded", 1)))
    if request.url.path == "/api/v1/jobs" and request.method == "GET":
        return httpx2.Response(200, json={"data": [answers.job_record()], "next_cursor": None})
    if request.url.path.startswith("/api/v1/jobs"):
        return answers.job("succeeded", 1)
    return httpx2.Response(200, json={"data": []}) if request.method == "GET" else answers.images()


def test_the_synchronous_client_is_typed() -> None:
    with httpx2.Client(transport=httpx2.MockTransport(respond)) as http:
        client = Darkroom(http_client=http).with_options(max_retries=1)
        result = client.images.generate(prompt="x", steps=3, timeout=5)
        assert_type(result, ImagesResult)
        assert_type(result[0], Image)
        raw = client.images.with_raw_response.generate(prompt="x", steps=3)
        assert_type(raw, RawResponse[ImagesResult])
        job = client.jobs.submit(prompt=["x"], size="8x8", previews=1)
        assert_type(job, Job)
        assert_type(job.result(), list[JobImage])
        assert_type(client.jobs.list(status="queued"), Iterator[JobSummary])
        assert_type(client.models.list(), list[Model])
        for event in job.events():
            match event:
                case ImageReady(image=image):
                    assert_type(image, JobImage)
                case JobEnded(job=record):
                    assert_type(record, JobRecord)


async def test_the_asynchronous_client_is_typed() -> None:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(respond)) as http:
        client = AsyncDarkroom(http_client=http)
        raw = await client.images.with_raw_response.edit(prompt="x", image=b"x")
        assert_type(raw.parse(), ImagesResult)
        job = await client.jobs.submit(prompt="x")
        assert_type(job, AsyncJob)
        assert_type(await job.result(), list[AsyncJobImage])
        assert_type(client.jobs.list(), AsyncIterator[JobSummary])
        async for event in job.events():
            if isinstance(event, ImageReady):
                assert_type(event.image, AsyncJobImage)
