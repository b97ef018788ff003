"""`with_raw_response`: each call keeps its own answer."""

from __future__ import annotations

import asyncio

import httpx2

from darkroom import AsyncDarkroom
from tests.client import answers


async def test_calls_at_the_same_time_keep_their_own_answers() -> None:
    async def handler(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        return answers.images(x_request_id=request.headers["x-number"])

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
        methods = AsyncDarkroom(http_client=http).images.with_raw_response
        calls = [methods.generate(prompt="x", extra_headers={"X-Number": str(number)}) for number in range(5)]
        assert [raw.request_id for raw in await asyncio.gather(*calls)] == ["0", "1", "2", "3", "4"]


async def test_an_answer_that_nobody_asked_for_is_not_kept() -> None:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answers.images())) as http:
        client = AsyncDarkroom(http_client=http)
        await client.images.generate(prompt="x")
        assert client._transport.response is None
