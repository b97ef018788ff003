"""An engine whose jobs are moderated, whoever submits them: every dialect, and every durable job."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from typing import Unpack

from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.engine.interface import Engine, Job, JobOptions, ModelWish, Phase, ServedModel
from service.moderation.moderated_job import ModeratedJob
from service.moderation.moderation import Moderation
from service.moderation.verdicts import Asker
from service.observability.log_ids import bound_log_ids


class ModeratedEngine:
    """Implements `Engine` around another one. If images are judged, none of them has previews.

    What was finished when it stops has the rest of the time to be judged; until then the phase is still draining.
    """

    def __init__(self, engine: Engine, moderation: Moderation) -> None:
        self._engine = engine
        self._moderation = moderation
        self._jobs = weakref.WeakSet[ModeratedJob]()
        self._settled = asyncio.Event()
        """Set but while the engine has stopped and its last images are still judged."""
        self._settled.set()

    @property
    def phase(self) -> Phase:
        phase = self._engine.phase
        return phase if phase is not Phase.STOPPED or self._settled.is_set() else Phase.DRAINING

    @property
    def activity(self) -> str:
        return self._engine.activity

    @property
    def model(self) -> ModelInfo:
        return self._engine.model

    @property
    def models(self) -> Sequence[ServedModel]:
        return self._engine.models

    def find_model(self, name: str) -> ModelInfo:
        return self._engine.find_model(name)

    def change_model(self, name: str, wish: ModelWish) -> None:
        self._engine.change_model(name, wish)

    @property
    def backlog_s(self) -> float:
        return self._engine.backlog_s

    def price_s(self, images: Sequence[GenerationParams]) -> float:
        return self._engine.price_s(images)

    def least_s(self, images: Sequence[GenerationParams]) -> float:
        return self._engine.least_s(images)

    def submit(
        self, images: Sequence[GenerationParams], *, accepted: bool = False, **options: Unpack[JobOptions]
    ) -> Job:
        job = self._engine.submit(images, accepted=accepted, **self._without_previews(options))
        return self._moderated(job, images, options, accepted=accepted)

    async def submit_in_line(self, images: Sequence[GenerationParams], **options: Unpack[JobOptions]) -> Job:
        job = await self._engine.submit_in_line(images, **self._without_previews(options))
        return self._moderated(job, images, options)

    async def wait_for_phase(self, *phases: Phase) -> Phase:
        phase = await self._engine.wait_for_phase(*phases)
        if phase is Phase.STOPPED:
            await self._settled.wait()
        return phase

    async def start(self) -> None:
        await self._engine.start()

    async def stop(self, drain_s: float = 0.0) -> None:
        clock = asyncio.get_running_loop().time
        until_s = clock() + drain_s
        self._settled.clear()
        try:
            await self._engine.stop(drain_s)
            if judged := [job.passing for job in self._jobs if job.passing is not None]:
                await asyncio.wait(judged, timeout=max(0.0, until_s - clock()))
        finally:
            self._settled.set()

    def _without_previews(self, options: JobOptions) -> JobOptions:
        return {**options, "previews": 0} if self._moderation.judges_images else options

    def _moderated(
        self, job: Job, images: Sequence[GenerationParams], options: JobOptions, *, accepted: bool = False
    ) -> Job:
        ids = bound_log_ids()
        asker = Asker(options.get("tenant", ""), ids.get("job_id", job.id), ids.get("request_id"), waits=accepted)
        moderated = ModeratedJob(job, images, self._moderation, asker)
        self._jobs.add(moderated)
        return moderated
