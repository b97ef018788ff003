"""Followers see each change once, share what is read, and are told to come back when the engine stops."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from service.engine.interface import Phase
from service.errors import QuotaExceededError
from service.jobs.service import JobService
from service.jobs.watching.event_diff import EventDiff, EventId, ProgressMade, StatusChanged, StreamClosing
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import make_spec
from tests.harness.served.job_services import Composed, compose

TIMEOUT_S = 60.0


@pytest.fixture
def phase() -> Phase:
    """The phase of the engine at the start of the jobs."""
    return Phase.SERVING


@pytest.fixture
async def composed(sqlite_url: URL, tmp_path: Path, phase: Phase) -> AsyncIterator[Composed]:
    composed = compose(sqlite_url, tmp_path / "images", FakeEngine())
    composed.engine.phase = phase
    await composed.jobs.start()
    yield composed
    await composed.engine.stop()
    await composed.jobs.stop()


async def submitted(jobs: JobService) -> str:
    view, _ = await jobs.submit(make_spec(), tenant="alice")
    return view.record.id


async def test_a_stream_ends_with_the_id_to_resume_from_when_the_engine_has_stopped(composed: Composed) -> None:
    composed.engine.phase = Phase.LOADING
    job_id = await submitted(composed.jobs)
    following = composed.jobs.follow(job_id, "alice", EventDiff())
    async with asyncio.timeout(TIMEOUT_S):
        first = await anext(following)
        await composed.engine.stop()
        rest = [(event_id, event) async for event_id, event, _ in following]

    assert first[1] == StatusChanged(first[2].record.status)
    assert rest[-1] == (EventId(0, 1), StreamClosing())


async def test_a_reader_that_comes_to_a_stopped_engine_is_sent_on_after_the_present_state(composed: Composed) -> None:
    composed.engine.phase = Phase.LOADING
    job_id = await submitted(composed.jobs)
    await composed.engine.stop()
    async with asyncio.timeout(TIMEOUT_S):
        while not composed.notifier.closed:  # noqa: ASYNC110 -- it has no event
            await asyncio.sleep(0)
        events = [event async for _, event, _ in composed.jobs.follow(job_id, "alice", EventDiff())]

    assert isinstance(events[0], StatusChanged)
    assert isinstance(events[-1], StreamClosing)


@pytest.mark.parametrize("phase", [Phase.LOADING])  # From the start, else the first job might still be claimed.
async def test_a_follower_of_a_waiting_job_is_told_that_it_moves_up(composed: Composed) -> None:
    ahead, behind = await submitted(composed.jobs), await submitted(composed.jobs)
    following = composed.jobs.follow(behind, "alice", EventDiff())
    positions = []
    async with asyncio.timeout(TIMEOUT_S):
        async for _, event, _ in following:
            if isinstance(event, ProgressMade):
                positions.append(event.queue_position)
                if positions[-1] == 0:
                    break
                await composed.jobs.delete(ahead, "alice")
    await following.aclose()

    assert positions[0] == 1
    assert positions[-1] == 0


async def test_callers_that_wait_are_limited(composed: Composed) -> None:
    composed.engine.phase = Phase.LOADING
    job_id = await submitted(composed.jobs)
    with contextlib.ExitStack() as streams:
        for _ in range(8):
            streams.enter_context(composed.jobs.open_stream("alice"))
        with pytest.raises(QuotaExceededError):
            await composed.jobs.wait(job_id, "alice", timeout_s=TIMEOUT_S)
    await composed.jobs.wait(job_id, "alice", timeout_s=0.0)


async def test_a_reader_that_leaves_at_any_moment_leaves_no_task_behind(
    composed: Composed, caplog: pytest.LogCaptureFixture
) -> None:
    composed.engine.phase = Phase.LOADING
    job_id = await submitted(composed.jobs)
    before = asyncio.all_tasks()
    for moments in range(6):
        reading = asyncio.create_task(composed.jobs.wait(job_id, "alice", timeout_s=TIMEOUT_S))
        for _ in range(moments):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        del reading
    gc.collect()

    assert asyncio.all_tasks() == before
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
