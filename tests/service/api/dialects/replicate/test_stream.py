"""The stream of a prediction: the kinds of events that Replicate's clients know, each with an id."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.requests import Request

from service.api.dialects.replicate.stream import frames
from service.errors import NotFoundError
from service.jobs.following import Told
from service.jobs.records import JobFailure, JobProgress, JobRecord, Status
from service.jobs.views import JobView
from service.jobs.watching.event_diff import (
    EventId,
    JobEnded,
    JobEvent,
    JobFailed,
    ProgressMade,
    StatusChanged,
    StreamClosing,
)
from tests.harness.keys import bearer
from tests.service.api.dialects.replicate.requests import PREDICTIONS, predict
from tests.service.api.in_process import Api
from tests.service.api.records import make_record

NO_REQUEST: Final = Request({"type": "http"})
FAILED: Final = make_record(status=Status.FAILED, failure=JobFailure("out_of_memory", "Too large."))


def told(event: JobEvent, record: JobRecord = FAILED) -> Told:
    return EventId(1, 2), event, JobView(record)


async def fields_of(*events: Told, error: Exception | None = None) -> list[list[str]]:
    """The lines of each frame that these events of a job make."""

    async def news() -> AsyncGenerator[Told, None]:
        for event in events:
            yield event
        if error is not None:
            raise error

    # No event here has an output, which alone needs the request.
    return [frame.decode().splitlines()[:-1] async for frame in frames(NO_REQUEST, news())]


async def test_events_have_the_names_that_the_clients_know_and_an_id() -> None:
    assert FAILED.failure is not None
    failed = await fields_of(
        told(StatusChanged(Status.RUNNING)),
        told(ProgressMade(JobProgress(1, 2), None)),
        told(JobFailed(FAILED.failure)),
        told(JobEnded(FAILED)),
    )
    assert failed == [
        ["event: logs", "data:  50%|█████     | 1/2", "data: ", "id: 1.2"],
        ["event: error", "data: Too large.", "id: 1.2"],
        ["event: done", 'data: {"reason": "error"}', "id: 1.2"],
    ]


async def test_a_stream_that_cannot_go_on_ends_in_an_error() -> None:
    ((name, *_),) = await fields_of(told(StreamClosing()))
    assert name == "event: error"
    first, last = await fields_of(told(ProgressMade(JobProgress(1, 2), None)), error=NotFoundError("It is gone."))
    assert (first[0], last) == ("event: logs", ["event: error", "data: It is gone.", "id: 1.2"])


async def test_a_stream_has_each_image_and_ends_with_done(api: Api) -> None:
    made = (await predict(api, num_outputs=2)).json()
    answer = await api.client.get(made["urls"]["stream"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    lines = answer.text.splitlines()
    assert [line.removeprefix("data: ") for line in lines if line.startswith("data: data:")] == made["output"]
    assert [line for line in lines if line.startswith("event: ")] == ["event: output"] * 2 + ["event: done"]
    last = next(line.removeprefix("id: ") for line in reversed(lines) if line.startswith("id: "))
    assert (await api.client.get(made["urls"]["stream"], headers={"Last-Event-ID": last})).status_code == 204


async def test_the_address_of_a_stream_stands_for_the_key_until_a_character_of_it_changes(guarded: Api) -> None:
    made: dict[str, Any] = (await predict(guarded, headers=bearer("alice"))).json()
    url = made["urls"]["stream"]
    bare = f"{PREDICTIONS}/{made['id']}/stream"
    statuses = {
        url: 200,
        bare: 401,
        f"{url[:-1]}{'0' if url[-1] != '0' else '1'}": 401,
        url.replace("expires=", "expires=1"): 401,
    }
    for address, status in statuses.items():
        assert (await guarded.client.get(address)).status_code == status, address
    by_key = {name: await guarded.client.get(bare, headers=bearer(name)) for name in ("alice", "bob")}
    assert {name: answer.status_code for name, answer in by_key.items()} == {"alice": 200, "bob": 404}
