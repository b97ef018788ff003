"""Two tenants, at a hundred requests to one, send ten times as many as the device can serve, in an open loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

import pytest

from service.errors import QueueFullError
from tests.harness.engine.local_engine import TIMEOUT_S, serving
from tests.harness.engine.worker_harness import make_params

pytestmark = pytest.mark.integration

CALL_S: Final = 0.02
STEPS: Final = 5
REQUESTS_AN_IMAGE: Final = 10
"""Requests that are sent for each image that the device finishes, however fast that is."""
HEAVY: Final = 100
"""Requests of the heavy tenant for each of the light one."""
ROUNDS: Final = 3


async def test_an_overload_of_one_tenant_is_refused_and_the_other_one_loses_nothing() -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    told_to_wait: list[float | None] = []
    made = asyncio.Semaphore(0)
    config = {"max_rows": 4, "max_queued_images": 16, "max_callers_in_line": 16}
    async with serving("--call-s", str(CALL_S), **config) as (engine, _):

        async def ask(tenant: str, seed: int) -> None:
            try:
                job = await engine.submit_in_line([make_params(steps=STEPS, seed=seed)], tenant=tenant)
            except QueueFullError as refused:
                told_to_wait.append(refused.retry_after_s)
                outcomes[tenant, "refused"] += 1
            else:
                await job.result()
                made.release()
                outcomes[tenant, "made"] += 1

        asked = []
        for number in range(ROUNDS * (HEAVY + 1)):
            tenant = "light" if number % (HEAVY + 1) == HEAVY else "heavy"
            asked.append(asyncio.create_task(ask(tenant, number)))
            await asyncio.sleep(0)
            if number % REQUESTS_AN_IMAGE == REQUESTS_AN_IMAGE - 1:
                async with asyncio.timeout(TIMEOUT_S):
                    await made.acquire()
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.gather(*asked)
        assert engine.backlog_s == pytest.approx(0)

    assert outcomes["light", "made"] == ROUNDS
    assert outcomes["heavy", "refused"] > ROUNDS * HEAVY / 2
    assert all(told_to_wait)
    assert outcomes["heavy", "made"] > 16
    assert outcomes.total() == len(asked)
