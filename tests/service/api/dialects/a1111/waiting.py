"""Waits for what a server has come to, as a client sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx2

PROGRESS: Final = "/sdapi/v1/progress"


async def progress(client: httpx2.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await client.get(PROGRESS, params=params)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def until(holds: Callable[[], bool]) -> None:
    """The limit only ends a test that would hang."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 -- the fake engine has no event for it
            await asyncio.sleep(0.001)


async def until_busy(client: httpx2.AsyncClient, *, progress_made: float = 0.0) -> None:
    """Waits until the client has a request that is being made, so far of its steps."""
    async with asyncio.timeout(60):
        while True:
            found = await progress(client, skip_current_image=True)
            if found["state"]["job_count"] and found["progress"] >= progress_made:
                return
            await asyncio.sleep(0.001)
