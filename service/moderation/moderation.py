"""Decides what may be shown: asks the moderation service, records each verdict, and returns the refusal.

It fails closed: where there is no judgement, or its verdict cannot be recorded, nothing is shown.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from pipelines.interface import RgbImage
from service.errors import ContentFilteredError, DarkroomError, ModerationUnavailableError
from service.images.encoding import Encoder
from service.moderation.moderator import Moderator, UnavailableModeratorError
from service.moderation.verdict_log import VerdictLog
from service.moderation.verdicts import UNAVAILABLE, Asker, Judgement, Outcome, Subject, Verdict, prompt_digest
from service.observability.moderation_metrics import ModerationMetrics

PATIENCE_S: Final = 120.0
"""Seconds for which an accepted job waits for a moderation service that gives no judgement, as while it restarts."""
_PAUSE_S: Final = 5.0
_RETRY_AFTER_S: Final = 10.0
_QUALITY: Final = 90
_REFUSALS: Final = {
    Subject.PROMPT: "The policy of this server does not allow the prompt.",
    Subject.IMAGE: "The policy of this server does not allow an image that was made.",
}

_log = structlog.get_logger("darkroom.moderation")


class Moderation:
    """Judges prompts and images. All methods belong to one event loop."""

    def __init__(
        self,
        moderator: Moderator,
        encoder: Encoder,
        metrics: ModerationMetrics,
        *,
        judges_images: bool,
        pause_s: float = _PAUSE_S,
    ) -> None:
        """`pause_s` is the number of seconds between two requests for the judgement that an accepted job waits for."""
        self._moderator = moderator
        self._encoder = encoder
        self._metrics = metrics
        self._pause_s = pause_s
        self.judges_images: Final = judges_images
        self.patience_s = PATIENCE_S
        self.verdicts: VerdictLog | None = None
        """The stored verdicts. None in a process without a store, where log lines alone tell what was blocked."""

    async def refusal_of_prompts(self, prompts: Sequence[str], asker: Asker) -> DarkroomError | None:
        """Returns the error with which a job must fail because of its prompts, or None where it may go on."""
        return await self._refusal(Subject.PROMPT, prompts, asker, lambda: self._moderator.judge_texts(prompts))

    async def refusal_of_image(self, image: RgbImage, prompt: str, asker: Asker) -> DarkroomError | None:
        """Returns the error that takes the place of an image, or None where it may be shown."""
        if not self.judges_images:
            return None

        async def judged() -> list[Judgement]:
            file = await self._encoder.encode(image, "jpeg", quality=_QUALITY)
            return [await self._moderator.judge_image(file, "image/jpeg")]

        return await self._refusal(Subject.IMAGE, [prompt], asker, judged)

    async def close(self) -> None:
        await self._moderator.close()

    async def _refusal(
        self, subject: Subject, prompts: Sequence[str], asker: Asker, judge: Callable[[], Awaitable[list[Judgement]]]
    ) -> DarkroomError | None:
        """Judges and records what belongs to these prompts."""
        try:
            judgements = await self._judgements(subject, len(prompts), judge, self.patience_s if asker.waits else 0.0)
            await self._record(subject, prompts, judgements, asker)
        except DarkroomError as error:
            return error
        except Exception:  # noqa: BLE001 -- what was not judged is not shown, whatever went wrong
            _log.exception("unexpected error in moderation", subject=subject)
            return _unavailable()
        outcomes = {judgement.outcome for judgement in judgements}
        if Outcome.BLOCKED in outcomes:
            return ContentFilteredError(_REFUSALS[subject], field="prompt" if subject is Subject.PROMPT else None)
        return _unavailable() if Outcome.UNAVAILABLE in outcomes else None

    async def _judgements(
        self, subject: Subject, count: int, judge: Callable[[], Awaitable[list[Judgement]]], patience_s: float
    ) -> list[Judgement]:
        """Asks until there are judgements, or until the patience is used up."""
        until_s = time.monotonic() + patience_s
        while True:
            begun_s = time.monotonic()
            try:
                judgements = await judge()
            except UnavailableModeratorError as error:
                _log.warning("the moderation service gives no judgement", subject=subject, reason=str(error))
                judgements = [UNAVAILABLE] * count
            now_s = time.monotonic()
            self._metrics.judged(subject, Counter(each.outcome.value for each in judgements), now_s - begun_s)
            if judgements[0] is not UNAVAILABLE or now_s + self._pause_s > until_s:
                return judgements
            await asyncio.sleep(self._pause_s)

    async def _record(
        self, subject: Subject, prompts: Sequence[str], judgements: Sequence[Judgement], asker: Asker
    ) -> None:
        for judgement in judgements:
            if judgement.outcome is Outcome.BLOCKED:
                _log.warning(
                    "blocked by moderation",
                    subject=subject,
                    policy=judgement.policy,
                    categories=judgement.categories,
                    tenant=asker.tenant,
                    job_id=asker.job_id,
                )
        if self.verdicts is not None:
            now = self.verdicts.now()
            await self.verdicts.add(
                [
                    Verdict(
                        judged_at=now,
                        asker=asker,
                        subject=subject,
                        prompt_sha256=prompt_digest(prompt),
                        judgement=judgement,
                    )
                    for prompt, judgement in zip(prompts, judgements, strict=True)
                ]
            )


def _unavailable() -> ModerationUnavailableError:
    return ModerationUnavailableError(
        "The moderation service does not answer, and nothing is shown without it.", retry_after_s=_RETRY_AFTER_S
    )
