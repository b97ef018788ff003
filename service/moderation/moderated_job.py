"""A job of the engine whose prompts and images are judged before its reader sees an image."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from pipelines.params import GenerationParams
from service.engine.interface import ImageEvent, ImageFinished, ImagePreview, Job
from service.errors import DarkroomError
from service.moderation.moderation import Moderation
from service.moderation.verdicts import Asker

_IMAGES_AT_A_TIME: Final = 4
"""Finished images of a job that are judged at a time. The engine keeps the others."""


class ModeratedJob:
    """Implements `Job`. The prompts are judged while the images are made, so that nobody waits for the verdict.

    A job whose prompt is refused is canceled at once. An image that is refused fails, and the others are finished.
    """

    def __init__(self, job: Job, images: Sequence[GenerationParams], moderation: Moderation, asker: Asker) -> None:
        self._job = job
        self._moderation = moderation
        self._asker = asker
        prompts = list(dict.fromkeys(params.prompt for params in images))
        self._refusal = asyncio.create_task(self._judge_prompts(prompts))
        """The error with which the job fails because of its prompts, or None."""

    @property
    def id(self) -> str:
        return self._job.id

    @property
    def used_s(self) -> float:
        return self._job.used_s

    async def events(self) -> AsyncIterator[ImageEvent]:
        passed = asyncio.Queue[ImageEvent | None](maxsize=1)
        passing = asyncio.create_task(self._pass_on(passed))
        try:
            while (event := await passed.get()) is not None:
                yield event
            if (error := await passing) is not None:
                raise error
        finally:
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)

    async def result(self) -> list[ImageFinished]:
        finished = [event async for event in self.events() if isinstance(event, ImageFinished)]
        return sorted(finished, key=lambda event: event.index)

    def cancel(self) -> None:
        self._job.cancel()

    async def _judge_prompts(self, prompts: Sequence[str]) -> DarkroomError | None:
        refusal = await self._moderation.refusal_of_prompts(prompts, self._asker)
        if refusal is not None:
            self._job.cancel()
        return refusal

    async def _pass_on(self, passed: asyncio.Queue[ImageEvent | None]) -> Exception | None:
        """Passes on the events that may be seen, and then None. Returns the error with which the job ends, if any."""
        refusals: list[DarkroomError] = []
        ended: Exception | None = None
        async with asyncio.TaskGroup() as judging:
            room = asyncio.Semaphore(_IMAGES_AT_A_TIME)

            async def judge(event: ImageFinished) -> None:
                refusal = await self._refusal_of(event)
                if refusal is None:
                    await passed.put(event)
                else:
                    refusals.append(refusal)
                room.release()

            try:
                async for event in self._job.events():
                    if isinstance(event, ImageFinished):
                        await room.acquire()
                        judging.create_task(judge(event))
                    elif not isinstance(event, ImagePreview) or await asyncio.shield(self._refusal) is None:
                        await passed.put(event)
            except Exception as error:  # noqa: BLE001 -- the reader meets it after the images that were finished
                ended = error
        await passed.put(None)
        # A job with a refused prompt was canceled for that.
        of_prompts = self._refusal.result() if self._refusal.done() else None
        return of_prompts or next(iter(refusals), ended)

    async def _refusal_of(self, image: ImageFinished) -> DarkroomError | None:
        of_prompts = await asyncio.shield(self._refusal)
        if of_prompts is not None:
            return of_prompts
        return await self._moderation.refusal_of_image(image.rgb_image, image.params.prompt, self._asker)
