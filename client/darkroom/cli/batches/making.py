"""Makes images with a client: each by a durable job of its own where the server keeps jobs, else by a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from darkroom.cli import backends
from darkroom.cli.batches.outputs import write
from darkroom.cli.batches.planning import MadeImage, PlannedImage
from darkroom.errors import DarkroomError, NotFoundError
from darkroom.results.events import JobEvent, PreviewReady, ProgressMade, StatusChanged

if TYPE_CHECKING:
    from darkroom import AsyncDarkroom, AsyncJob, PromptTokens, Upload

MAX_REQUESTS: Final = 16
"""Requests in flight at a time, each for one image: enough to fill a server's batch."""
_CANCEL_TIMEOUT_S: Final = 5.0
_JOBS_FEATURE: Final = "durable_jobs"
_INPUTS: Final = ("image", "mask")


class Watch(backends.Watch, Protocol):
    """Follows each image up to its file."""

    def finish(self, image: str) -> None:
        """Note that an image has been written to its file."""


Make: TypeAlias = Callable[[PlannedImage], Awaitable[tuple[bytes, MadeImage]]]
"""Makes one image, and returns its file's content. Cancels it on the server when it is itself canceled."""


async def make_all(
    connection: AbstractAsyncContextManager[AsyncDarkroom],
    images: Sequence[PlannedImage],
    watch: Watch,
    *,
    is_remote: bool,
    when_made: Callable[[PlannedImage], None],
) -> None:
    """Make all images, up to `MAX_REQUESTS` at a time. Raises the first failure, after canceling what is unfinished."""
    slots = asyncio.Semaphore(MAX_REQUESTS)

    async def make_one(make: Make, image: PlannedImage) -> None:
        backends.IMAGE_NAME.set(image.name)
        async with slots:
            content, made = await make(image)
        # Written without a thread, so that no cancellation comes between the file and what is said about it.
        write(image.path, content)
        image.made = made
        watch.finish(image.name)
        when_made(image)

    async with connection as client:
        make = await _maker(client, images, watch) if is_remote else _Calls(client)
        tasks = [asyncio.create_task(make_one(make, image)) for image in images]
        try:
            # Not `gather`, which passes a cancellation on: the tasks would be canceled twice, and the second time would
            # end what they do to cancel their jobs.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _maker(client: AsyncDarkroom, images: Sequence[PlannedImage], watch: Watch) -> Make:
    try:
        capabilities = await client.capabilities()
    except NotFoundError:
        return _Calls(client)
    if _JOBS_FEATURE not in capabilities.features:
        return _Calls(client)
    paths = {image.params[name] for image in images for name in _INPUTS if name in image.params}
    uploads = {path: await client.uploads.create(image=path) for path in paths}
    return _Jobs(client, watch, uploads, previews=capabilities.limits.max_previews if watch.wants_previews else None)


class _Calls:
    """Makes images by calls that answer when the image is made."""

    def __init__(self, client: AsyncDarkroom) -> None:
        self._images = client.images

    async def __call__(self, image: PlannedImage) -> tuple[bytes, MadeImage]:
        params: Any = dict(image.params)
        source = params.pop("image", None)
        if source is None:
            result = await self._images.generate(prompt=image.prompt, **params)
        else:
            result = await self._images.edit(prompt=image.prompt, image=source, **params)
        notes = _notes(params.get("size"), result.size, result[0].prompt_tokens)
        return result[0].bytes(), MadeImage(result[0].seed, result.size, notes=notes)


class _Jobs:
    """Makes images by jobs, and shows the progress and the previews that come as events.

    `previews` is the number of previews of each image; None asks for none. `uploads` are the input files, by path.
    """

    def __init__(
        self, client: AsyncDarkroom, watch: Watch, uploads: dict[Path, Upload], *, previews: int | None
    ) -> None:
        self._client = client
        self._watch = watch
        self._uploads = uploads
        self._previews = previews

    async def __call__(self, image: PlannedImage) -> tuple[bytes, MadeImage]:
        job = await self._submit(image)
        try:
            async for event in job.events():
                self._show(image, job, event)
            job.raise_for_status()
            content = await job.images[0].bytes()
        except BaseException:
            await _cancel(job)
            raise
        record = job.record.images[0]
        size = f"{record.width}x{record.height}"
        notes = _notes(image.params.get("size"), size, record.prompt_tokens)
        return content, MadeImage(record.seed, size, job.id, notes)

    async def _submit(self, image: PlannedImage) -> AsyncJob:
        params: Any = {name: self._uploaded(value) for name, value in image.params.items()}
        submitting = asyncio.ensure_future(
            self._client.jobs.submit(prompt=image.prompt, previews=self._previews, **params)
        )
        try:
            # The server may have accepted a job whose answer is still on its way. It is waited for, to cancel the job.
            return await asyncio.shield(submitting)
        except asyncio.CancelledError:
            with suppress(DarkroomError, asyncio.TimeoutError):
                await _cancel(await asyncio.wait_for(submitting, _CANCEL_TIMEOUT_S))
            raise

    def _uploaded(self, value: object) -> object:
        return self._uploads[value] if isinstance(value, Path) else value

    def _show(self, image: PlannedImage, job: AsyncJob, event: JobEvent[Any]) -> None:
        match event:
            case ProgressMade():
                self._watch.show(image.name, event.fraction, progress_text(event))
            case StatusChanged():
                self._watch.show(image.name, job.progress.fraction, event.status)
            case PreviewReady():
                self._watch.preview(image.name, event.content)
            case _:
                pass


def progress_text(event: ProgressMade) -> str:
    """Describe the progress of a job in a few words."""
    if event.queue_position is not None:
        return "next in the queue" if event.queue_position == 0 else f"{event.queue_position} before it in the queue"
    if event.loading_s is not None:
        return f"loading the model, {event.loading_s:.0f} s"
    left = "" if event.eta_s is None else f", {event.eta_s:.0f} s left"
    return f"step {event.step} of {event.steps}{left}"


async def _cancel(job: AsyncJob) -> None:
    """Cancel a job, unless it has ended. A server that cannot be reached now goes on with it."""
    if not job.ended:
        with suppress(DarkroomError):
            await job.cancel(timeout=_CANCEL_TIMEOUT_S, max_retries=0)


def _notes(asked: str | None, size: str | None, tokens: PromptTokens | None) -> list[str]:
    resized = [] if asked in (None, "auto", size) else [f"{size}: the model cannot make {asked}"]
    return resized + _cut(tokens)


def _cut(tokens: PromptTokens | None) -> list[str]:
    """Return a note about each text that was longer than the model reads."""
    texts = {} if tokens is None else {"prompt": tokens.prompt, "negative prompt": tokens.negative}
    return [
        f"only {text.read} of {text.total} tokens of the {name} read"
        for name, text in texts.items()
        if text is not None and text.read < text.total
    ]
