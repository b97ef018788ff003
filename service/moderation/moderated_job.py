"""A job of the engine whose prompts and images are judged before its reader sees an image."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from pipelines.params import GenerationParams
from service.engine.interface import ImageEvent, ImageFinished, ImageLoading, ImagePreview, Job
from service.engine.job_wrapper import JobWrapper
from service.errors import CanceledError, DarkroomError
from service.moderation.moderation import Moderation
from service.moderation.verdicts import Asker

_IMAGES_AT_A_TIME: Final = 4
"""Finished images of a job that are judged at a time. The engine keeps the others."""

Put: TypeAlias = Callable[[ImageEvent], Awaitable[None]]


class ModeratedJob(JobWrapper):
    """A job that shows no image before it is judged.

    The prompts are judged from when the first image is begun, so that the verdict costs no time. A job whose prompt is
    refused is canceled then. An image that is refused fails, and the others are finished.
    """

    def __init__(self, job: Job, images: Sequence[GenerationParams], moderation: Moderation, asker: Asker) -> None:
        super().__init__(job)
        self._moderation = moderation
        self._asker = asker
        self._prompts = list(dict.fromkeys(params.prompt for params in images if params.prompt.strip()))
        self.passing: asyncio.Task[Exception | None] | None = None
        """Passes events on to the reader, and ends when nothing is left to be judged. None before there is a reader."""

    async def events(self) -> AsyncIterator[ImageEvent]:
        passed, changed, room = deque[ImageEvent](), asyncio.Event(), asyncio.Semaphore(1)

        async def put(event: ImageEvent) -> None:
            await room.acquire()
            passed.append(event)
            changed.set()

        self.passing = passing = asyncio.create_task(self._pass_on(put))
        passing.add_done_callback(lambda _: changed.set())
        try:
            while passed or not passing.done():
                if passed:
                    yield passed.popleft()
                    room.release()
                else:
                    changed.clear()
                    await changed.wait()
            if passing.cancelled():
                raise CanceledError("The job was canceled.")
            if (error := passing.result()) is not None:
                raise error
        finally:
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)

    async def _pass_on(self, put: Put) -> Exception | None:
        """Passes on the events that may be seen. Returns the error with which the job ends, if any."""
        refusals: list[DarkroomError] = []
        ended: Exception | None = None
        of_prompts: asyncio.Task[DarkroomError | None] | None = None
        async with asyncio.TaskGroup() as judging:
            room = asyncio.Semaphore(_IMAGES_AT_A_TIME)

            async def judge(event: ImageFinished, of_prompts: Awaitable[DarkroomError | None]) -> None:
                try:
                    refusal = await of_prompts or await self._refusal_of(event)
                    if refusal is None:
                        await put(event)
                    else:
                        refusals.append(refusal)
                finally:
                    room.release()

            try:
                async for event in self._job.events():
                    if isinstance(event, ImageLoading):
                        await put(event)
                        continue
                    of_prompts = of_prompts or judging.create_task(self._refusal_of_prompts())
                    if isinstance(event, ImageFinished):
                        await room.acquire()
                        judging.create_task(judge(event, of_prompts))
                    elif not isinstance(event, ImagePreview) or await of_prompts is None:
                        await put(event)
            except Exception as error:  # noqa: BLE001 -- the reader meets it after the images that were finished
                ended = error
        # A job with a refused prompt was canceled for that. Other errors may go away, and refusals stay.
        refused = None if of_prompts is None else of_prompts.result()
        return refused or ended or next(iter(refusals), None)

    async def _refusal_of_prompts(self) -> DarkroomError | None:
        if not self._prompts:
            return None
        refusal = await self._moderation.refusal_of_prompts(self._prompts, self._asker)
        if refusal is not None:
            self._job.cancel()
        return refusal

    async def _refusal_of(self, image: ImageFinished) -> DarkroomError | None:
        return await self._moderation.refusal_of_image(image.rgb_image, image.params.prompt, self._asker)
