"""The event stream of a job, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from structlog.testing import capture_logs

from service.api.dialects.jobs.events import EVENT_SCHEMA, frames
from service.api.dialects.jobs.serialize import failure_out, image_out, job_out
from service.errors import NotFoundError, StoreUnavailableError
from service.jobs.following import Told
from service.jobs.records import JobFailure, JobPreview, JobProgress, JobRecord, Status
from service.jobs.views import JobView
from service.jobs.watching.event_diff import (
    EventId,
    ImageStored,
    JobEnded,
    JobEvent,
    JobFailed,
    PreviewReady,
    ProgressMade,
    StatusChanged,
    StreamClosing,
)
from tests.harness.jobs_client import Event, events_in
from tests.service.api.records import AT, make_image, make_record

CANARY: Final = "cAnArY7"
FAILED: Final = make_record(
    status=Status.FAILED, failure=JobFailure("out_of_memory", "Too large."), images=[make_image()]
)
FIRST: Final = StatusChanged(Status.RUNNING)


def told(event: JobEvent, version: int = 1, record: JobRecord = FAILED) -> Told:
    return EventId(1, version), event, JobView(record, None)


async def stream(events: Sequence[Told], error: Exception | None = None) -> AsyncGenerator[Told, None]:
    for event in events:
        yield event
    if error is not None:
        raise error


async def text_of(*later: Told, error: Exception | None = None) -> str:
    return b"".join([frame async for frame in frames(told(FIRST), stream(later, error), AT)]).decode()


async def events_of(*later: Told, error: Exception | None = None) -> list[Event]:
    return list(events_in((await text_of(*later, error=error)).splitlines()))


async def test_a_stream_begins_with_the_time_after_which_to_come_back() -> None:
    assert (await text_of()).startswith("retry: 2000\n")


async def test_every_kind_of_event_has_a_name_an_id_and_the_body_of_its_schema() -> None:
    assert FAILED.failure is not None
    events = await events_of(
        told(ProgressMade(JobProgress(5, 8, 1.5), None)),
        told(PreviewReady(JobPreview(0, 2, "image/webp", b"file"))),
        told(ImageStored(FAILED.images[0]), version=2),
        told(JobFailed(FAILED.failure), version=2),
        told(JobEnded(FAILED), version=3),
        told(StreamClosing(), version=3),
    )
    assert [(each.name, each.id) for each in events] == [
        ("status", "1.1"),
        ("progress", "1.1"),
        ("preview", "1.1"),
        ("image", "1.2"),
        ("failed", "1.2"),
        ("done", "1.3"),
        ("closing", "1.3"),
    ]
    assert {each.name for each in events} == set(EVENT_SCHEMA["properties"]["event"]["enum"])
    status, progress, preview, image, failed, done, closing = (each.data for each in events)
    assert status == {"status": "running"}
    assert (progress["step"], progress["eta_s"], preview["step"]) == (5, 1.5, 2)
    assert image == image_out(FAILED, FAILED.images[0], AT).model_dump(mode="json")
    assert failed == failure_out(FAILED).model_dump(mode="json")
    assert done == job_out(JobView(FAILED, None), AT).model_dump(mode="json")
    assert closing == {"message": "The server is shutting down. The job goes on.", "retry_after_s": 2.0}


async def test_a_deleted_job_ends_its_stream_as_gone_at_the_last_id() -> None:
    last = (await events_of(told(ImageStored(FAILED.images[0]), version=2), error=NotFoundError("No such job.")))[-1]
    assert (last.name, last.id) == ("failed", "1.2")
    assert last.data == {"code": "gone", "message": "The job was deleted.", "field": None}


async def test_an_error_in_mid_stream_is_its_last_event() -> None:
    last = (await events_of(error=StoreUnavailableError("The store cannot be reached.")))[-1]
    assert (last.name, last.id, last.data["code"]) == ("failed", "1.1", "store_unavailable")


async def test_an_unforeseen_error_is_logged_and_says_nothing_about_itself() -> None:
    with capture_logs() as lines:
        text = await text_of(error=RuntimeError(f"{CANARY} in /home/someone"))
    assert "internal_error" in text
    assert CANARY not in text
    assert [line["event"] for line in lines] == ["unforeseen error in a stream"]


async def test_silence_is_filled_with_comments() -> None:
    async def silent() -> AsyncGenerator[Told, None]:
        await asyncio.Event().wait()
        yield told(FIRST)

    made = frames(told(FIRST), silent(), AT, heartbeat_s=0.01)
    received = [await anext(made) for _ in range(4)]
    assert received[2:] == [b": ping\n\n"] * 2
    await made.aclose()


async def test_a_reader_that_leaves_ends_the_source_of_events() -> None:
    ended = asyncio.Event()

    async def source() -> AsyncGenerator[Told, None]:
        try:
            await asyncio.Event().wait()
            yield told(FIRST)
        finally:
            ended.set()

    made = frames(told(FIRST), source(), AT, heartbeat_s=0.01)
    for _ in range(3):
        await anext(made)
    await made.aclose()
    assert ended.is_set()
