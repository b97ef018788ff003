"""A moderator in the test's own event loop, which judges at once, late, or not at all."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence

from PIL import Image

from service.images.encoding import Encoder
from service.moderation.moderation import Moderation
from service.moderation.moderator import Moderator
from service.moderation.verdicts import Judgement, Outcome
from service.observability.moderation_metrics import ModerationMetrics
from tests.harness.wire.moderation_service import FORBIDDEN, POLICY


class FakeModerator(Moderator):
    """Blocks prompts with a certain word, and the images that a test wants it to."""

    def __init__(self, flags_image: Callable[[Image.Image], bool] = lambda image: False) -> None:
        super().__init__("http://nobody.invalid/", model="fake", key_file=None, timeout_s=1.0)
        self.flags_image = flags_image
        self.failure: Exception | None = None
        """Raised in place of every judgement."""
        self.failures: list[Exception] = []
        """Raised in place of the next judgements."""
        self.texts: list[str] = []
        self.images = 0
        """Images that are being judged."""
        self.judged = 0
        """Images that were judged."""
        self.most_images = 0
        """The largest number of images that were being judged at the same time."""
        self.text_verdicts = asyncio.Event()
        self.image_verdicts = asyncio.Event()
        """Verdicts wait until these are set, as they are from the beginning."""
        self.text_verdicts.set()
        self.image_verdicts.set()

    async def judge_texts(self, texts: Sequence[str]) -> list[Judgement]:
        self.texts += texts
        await self.text_verdicts.wait()
        self._fail()
        return [_judgement(FORBIDDEN in text) for text in texts]

    async def judge_image(self, file: bytes, media_type: str) -> Judgement:
        self.images += 1
        self.most_images = max(self.most_images, self.images)
        await self.image_verdicts.wait()
        self.images -= 1
        self.judged += 1
        self._fail()
        with Image.open(io.BytesIO(file)) as image:
            return _judgement(self.flags_image(image))

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if self.failure is not None:
            raise self.failure


def moderation_by(moderator: Moderator, *, judges_images: bool = True) -> Moderation:
    return Moderation(moderator, Encoder(1), ModerationMetrics(), judges_images=judges_images, pause_s=0.0)


def _judgement(flagged: bool) -> Judgement:
    return Judgement(Outcome.BLOCKED if flagged else Outcome.ALLOWED, POLICY, ("violence",) if flagged else ())
