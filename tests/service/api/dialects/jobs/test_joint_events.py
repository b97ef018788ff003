"""The joint stream of several jobs, frame by frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from service.api.dialects.jobs.joint_events import joint_frames
from service.errors import NotFoundError
from service.jobs.following import Told
from service.jobs.records import Status
from service.jobs.views import JobView
from service.jobs.watching.event_diff import EventId, JobEnded, StatusChanged
from tests.harness.jobs_client import events_in
from tests.service.api.records import AT, make_record

ENDED = make_record(status=Status.FAILED)


def told(version: int, *, end: bool = False) -> Told:
    event = JobEnded(ENDED) if end else StatusChanged(Status.RUNNING)
    return EventId(1, version), event, JobView(ENDED, None)


async def job(*events: Told, error: Exception | None = None) -> AsyncGenerator[Told, None]:
    for event in events:
        yield event
    if error is not None:
        raise error


async def read(**sources: AsyncGenerator[Told, None]) -> list[tuple[str, str, dict[str, Any]]]:
    text = b"".join([frame async for frame in joint_frames(sources, AT)]).decode()
    return [(event.name, event.id, event.data) for event in events_in(text.splitlines())]


async def test_each_event_names_its_job_and_the_id_to_resume_from() -> None:
    events = await read(a=job(told(1)), b=job(told(2)))
    assert sorted(events) == [
        ("status", "a@1.1", {"job_id": "a", "data": {"status": "running"}}),
        ("status", "b@1.2", {"job_id": "b", "data": {"status": "running"}}),
    ]


async def test_the_stream_ends_when_all_jobs_have_and_keeps_the_order_of_each() -> None:
    events = await read(a=job(told(1), told(2), told(3, end=True)), b=job(told(1, end=True)))
    assert [id_ for _, id_, _ in events if id_.startswith("a")] == ["a@1.1", "a@1.2", "a@1.3"]
    assert [name for name, _, _ in events].count("done") == 2


async def test_a_job_that_cannot_be_followed_fails_alone() -> None:
    events = await read(gone=job(error=NotFoundError("No such job.")), b=job(told(1), told(2, end=True)))
    failed = [(id_, data["data"]["code"]) for name, id_, data in events if name == "failed"]
    assert failed == [("gone@0.0", "gone")]
    assert [name for name, _, data in events if data["job_id"] == "b"] == ["status", "done"]


async def test_silence_is_filled_with_comments_and_leaving_closes_every_source() -> None:
    closed = []

    async def silent(name: str) -> AsyncGenerator[Told, None]:
        try:
            await asyncio.Event().wait()
            yield told(1)
        finally:
            closed.append(name)

    frames = joint_frames({"a": silent("a"), "b": silent("b")}, AT, heartbeat_s=0.01)
    received = [await anext(frames) for _ in range(3)]
    await frames.aclose()
    assert received[1:] == [b": ping\n\n"] * 2
    assert sorted(closed) == ["a", "b"]


async def test_no_job_is_read_ahead_of_a_slow_reader() -> None:
    read_so_far = 0

    async def busy() -> AsyncGenerator[Told, None]:
        nonlocal read_so_far
        while True:
            read_so_far += 1
            yield told(read_so_far)

    frames = joint_frames({"a": busy()}, AT)
    first = [await anext(frames) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    await frames.aclose()
    assert json.loads(first[1].split(b"data: ")[1].split(b"\n")[0])["job_id"] == "a"
    assert read_so_far < 6
