"""Images made by jobs and by calls, with a server that the tests play."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from darkroom import AsyncDarkroom, InternalServerError, JobFailedError
from darkroom.cli.backends import IMAGE_NAME
from darkroom.cli.batches.making import MAX_REQUESTS, make_all, progress_text
from darkroom.cli.batches.planning import PlannedImage
from darkroom.results.events import ProgressMade
from tests.client import answers

MAX_PREVIEWS = 3
"""Previews that the server makes of an image at most."""


class RecordingWatch:
    """Implements `making.Watch`."""

    def __init__(self, *, wants_previews: bool = False) -> None:
        self.wants_previews = wants_previews
        self.shown: list[tuple[str, float, str]] = []
        self.previews: list[tuple[str, bytes]] = []
        self.finished: list[str] = []

    def stage(self, text: str) -> None:
        raise AssertionError("an image has no stages")

    def show(self, image: str, fraction: float, text: str) -> None:
        self.shown.append((Path(image).name, fraction, text))

    def preview(self, image: str, content: bytes) -> None:
        self.previews.append((Path(image).name, content))

    def finish(self, image: str) -> None:
        self.finished.append(Path(image).name)


class JobServer:
    """Keeps jobs. `events` is the stream of each, which hangs where it is None."""

    def __init__(self, events: str | None, features: Sequence[str] = ("durable_jobs",)) -> None:
        self.events = events
        self.features = features
        self.submitted: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.canceled = 0
        self.all_follow = asyncio.Event()
        self._following = 0
        self._canceling = 0
        self._all_cancel = asyncio.Event()

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path == "/api/v1/capabilities":
            return httpx2.Response(200, json=capabilities(self.features))
        if path == "/api/v1/jobs":
            self.submitted.append(json.loads(request.content))
            return answers.job()
        if path == "/api/v1/uploads":
            return httpx2.Response(201, json=upload())
        if path.endswith("/cancel"):
            await self._cancel()
            return answers.job("canceled")
        if re.search(r"/images/\d$", path):
            return httpx2.Response(200, content=answers.png())
        if path.startswith("/v1/images"):
            self.submitted.append(json.loads(request.content))
            self.names.append(IMAGE_NAME.get())
            return answers.images(5)
        return await self._follow()

    async def _cancel(self) -> None:
        """Answer when all jobs are being canceled."""
        self._canceling += 1
        if self._canceling == len(self.submitted):
            self._all_cancel.set()
        await self._all_cancel.wait()
        for _ in range(10):  # Long enough for the batch to disturb it.
            await asyncio.sleep(0)
        self.canceled += 1

    async def _follow(self) -> httpx2.Response:
        self._following += 1
        if self._following == min(MAX_REQUESTS, 20):
            self.all_follow.set()
        if self.events is None:
            await asyncio.Event().wait()
        return answers.stream(self.events or "")


def capabilities(features: Sequence[str]) -> dict[str, Any]:
    limits = dict.fromkeys(
        (
            "max_pictures_per_prompt",
            "max_pictures_per_job",
            "max_seed",
            "max_wait_s",
            "max_body_bytes",
            "max_upload_bytes",
            "max_upload_pixels",
        ),
        1,
    )
    lists: dict[str, Any] = {name: [] for name in ("models", "samplers", "schedules", "output_formats")}
    return {**lists, "limits": {**limits, "max_previews": MAX_PREVIEWS}, "features": list(features)}


def upload() -> dict[str, Any]:
    return {"sha256": "f" * 64, "width": 8, "height": 8, "size_bytes": 1, "created_at": "2026-01-01T00:00:00Z"}


PROGRESS = answers.job_event(1, "progress", step=2, steps=4, fraction=0.5, eta_s=3.0)
PREVIEW = answers.job_event(1, "preview", index=0, step=1, mime="image/png", b64=answers.b64_png())
SUCCESS = PROGRESS + answers.job_event(2, "done", **answers.job_record("succeeded", images=1))
FAILURE = answers.job_event(
    1, "done", **answers.job_record("failed", error={"code": "out_of_memory", "message": "Too large."})
)


@contextlib.asynccontextmanager
async def connection(handler: Callable[[httpx2.Request], Any]) -> AsyncIterator[AsyncDarkroom]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(handler)) as http:
        yield AsyncDarkroom(http_client=http, max_retries=0)


def planned(folder: Path, count: int = 1, **params: Any) -> list[PlannedImage]:
    return [PlannedImage("a red circle", params, folder / f"{index}.png", f"{index}") for index in range(count)]


async def make(
    server: JobServer, images: list[PlannedImage], *, is_remote: bool = True, wants_previews: bool = False
) -> RecordingWatch:
    watch = RecordingWatch(wants_previews=wants_previews)
    await make_all(connection(server), images, watch, is_remote=is_remote, when_made=lambda _: None)
    return watch


async def test_each_image_is_a_job_whose_progress_is_shown(tmp_path: Path) -> None:
    server, images = JobServer(SUCCESS), planned(tmp_path, 2, steps=4, size="8x8")
    watch = await make(server, images)
    assert [body["num_inference_steps"] for body in server.submitted] == [4, 4]
    assert ("0.png", 0.5, "step 2 of 4, 3 s left") in watch.shown
    assert sorted(watch.finished) == ["0.png", "1.png"]
    assert images[0].path.read_bytes() == answers.png()
    assert images[0].made is not None
    assert (images[0].made.seed, images[0].made.size, images[0].made.job_id) == (7, "8x8", "job_1")
    assert server.canceled == 0


async def test_previews_are_asked_for_where_they_are_shown(tmp_path: Path) -> None:
    server = JobServer(PREVIEW + SUCCESS)
    watch = await make(server, planned(tmp_path), wants_previews=True)
    assert server.submitted[0]["previews"] == MAX_PREVIEWS
    assert watch.previews == [("0.png", answers.png())]
    await make(server, planned(tmp_path))
    assert "previews" not in server.submitted[1]


async def test_a_call_tells_the_backend_the_name_of_its_image(tmp_path: Path) -> None:
    server = JobServer(None, features=())
    images = planned(tmp_path, 2)
    await make(server, images, is_remote=False)
    assert sorted(server.names) == [image.name for image in images]


async def test_an_input_is_uploaded_once(tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    source.write_bytes(answers.png())
    server = JobServer(SUCCESS)
    await make(server, planned(tmp_path, 3, image=source))
    assert [body["image"] for body in server.submitted] == ["f" * 64] * 3


@pytest.mark.parametrize("is_remote", [True, False])
async def test_without_jobs_images_are_made_by_calls(tmp_path: Path, is_remote: bool) -> None:
    server, images = JobServer(None, features=()), planned(tmp_path, steps=4)
    await make(server, images, is_remote=is_remote)
    assert server.submitted[0]["response_format"] == "b64_json"
    assert images[0].made is not None
    assert (images[0].made.seed, images[0].made.job_id) == (5, None)


async def test_a_call_with_an_image_is_an_edit(tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    source.write_bytes(answers.png())
    server = JobServer(None, features=())
    await make(server, planned(tmp_path, image=source, strength=0.5))
    assert (server.submitted[0]["image"], server.submitted[0]["strength"]) == (answers.b64_png(), 0.5)


async def test_a_failed_job_ends_the_batch(tmp_path: Path) -> None:
    images = planned(tmp_path)
    with pytest.raises(JobFailedError, match="Too large"):
        await make(JobServer(FAILURE), images)
    assert not images[0].is_there


async def test_a_cancellation_cancels_every_job_that_was_submitted(tmp_path: Path) -> None:
    server = JobServer(events=None)
    # More images than may run at a time: those that wait end at once, and must not disturb the others.
    making = asyncio.create_task(make(server, planned(tmp_path, 20)))
    await server.all_follow.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert server.canceled == len(server.submitted) == MAX_REQUESTS


async def test_a_job_whose_submission_is_on_its_way_is_canceled_too(tmp_path: Path) -> None:
    server, submits, answers_now = JobServer(events=None), asyncio.Event(), asyncio.Event()

    async def slow(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/api/v1/jobs":
            submits.set()
            await answers_now.wait()
        return await server(request)

    making = asyncio.create_task(
        make_all(connection(slow), planned(tmp_path), RecordingWatch(), is_remote=True, when_made=lambda _: None)
    )
    await submits.wait()
    making.cancel()
    answers_now.set()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert server.canceled == 1


async def test_a_refused_job_is_raised(tmp_path: Path) -> None:
    async def refuse(request: httpx2.Request) -> httpx2.Response:
        is_job = request.url.path == "/api/v1/jobs"
        return answers.error(500) if is_job else await JobServer(SUCCESS)(request)

    with pytest.raises(InternalServerError):
        await make_all(
            connection(refuse), planned(tmp_path), RecordingWatch(), is_remote=True, when_made=lambda _: None
        )


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"eta_s": 3.4}, "step 1 of 4, 3 s left"),
        ({}, "step 1 of 4"),
        ({"queue_position": 2}, "2 before it in the queue"),
        ({"queue_position": 0}, "next in the queue"),
        ({"loading_s": 9.0}, "loading the model, 9 s"),
    ],
)
def test_progress_is_said_in_words(fields: dict[str, Any], text: str) -> None:
    assert progress_text(ProgressMade(step=1, steps=4, fraction=0.25, **fields)) == text
