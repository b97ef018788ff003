"""Two job services on one PostgreSQL database tell each other what they do, so that neither has to query by itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from service.engine.interface import Phase
from service.jobs.execution.runner import RunnerConfig
from service.jobs.records import Status
from service.jobs.store.access.postgres_channel import PostgresChannel
from service.jobs.watching.event_diff import EventDiff, JobEnded
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import make_spec
from tests.harness.served.job_services import Composed, compose

TIMEOUT_S = 60.0
NEVER_S = 3600.0


@contextlib.asynccontextmanager
async def running(url: URL, folder: Path, owner: str, phase: Phase) -> AsyncIterator[Composed]:
    engine = FakeEngine()
    engine.phase = phase
    config = RunnerConfig(owner=owner, poll_s=NEVER_S)
    composed = compose(url, folder, engine, runner=config, channel=PostgresChannel(url))
    await composed.jobs.start()
    async with asyncio.timeout(TIMEOUT_S):
        while not composed.notifier.hears_others:  # noqa: ASYNC110 -- the channel's thread has no event for it
            await asyncio.sleep(0.01)
    yield composed
    await engine.stop()
    await composed.jobs.stop()


@pytest.mark.integration
async def test_a_job_is_run_by_the_server_that_has_room_and_followed_at_the_one_that_accepted_it(
    postgres_url: URL, tmp_path: Path
) -> None:
    async with (
        running(postgres_url, tmp_path / "images", "full", Phase.LOADING) as full,
        running(postgres_url, tmp_path / "images", "free", Phase.SERVING) as free,
    ):
        view, _ = await full.jobs.submit(make_spec(), tenant="alice")
        async with asyncio.timeout(TIMEOUT_S):
            events = [event async for _, event, _ in full.jobs.follow(view.record.id, "alice", EventDiff())]

        assert isinstance(events[-1], JobEnded)
        assert events[-1].record.status is Status.SUCCEEDED
        assert (len(full.engine.jobs), len(free.engine.jobs)) == (0, 1)
