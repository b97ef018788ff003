"""A moderated job gives out no image before its prompt and the image are judged. Progress is not held back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Final

import pytest
from PIL import Image

from pipelines.params import GenerationParams
from service.engine.interface import ImageEvent, ImageFinished, ImagePreview, ImageProgress, ImageStarted, Job
from service.errors import (
    CanceledError,
    ContentFilteredError,
    GenerationFailedError,
    ModerationUnavailableError,
    WorkerLostError,
)
from service.moderation.moderated_engine import ModeratedEngine
from service.moderation.moderated_job import ModeratedJob
from service.moderation.moderator import UnavailableModeratorError
from service.moderation.verdicts import Asker
from tests.harness.engine.fake_drawing import draw
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.engine.worker_harness import make_params
from tests.harness.served.fake_moderator import FakeModerator, moderation_by

STAR: Final = make_params("a star", steps=3)
FORBIDDEN: Final = make_params("a forbidden star", steps=3)


class Moderated:
    """A moderated fake engine, with the moderator that judges for it."""

    def __init__(self, *, judges_images: bool = True) -> None:
        self.engine = FakeEngine()
        self.moderator = FakeModerator()
        self._moderated = ModeratedEngine(self.engine, moderation_by(self.moderator, judges_images=judges_images))

    def submit(self, *images: GenerationParams, previews: int = 0) -> Job:
        return self._moderated.submit(images, previews=previews)


@pytest.fixture
async def moderated() -> Moderated:
    return Moderated()


class Reading:
    """Reads a job in a task."""

    def __init__(self, job: Job) -> None:
        self.events: list[ImageEvent] = []
        self._task = asyncio.create_task(self._read(job))

    async def _read(self, job: Job) -> None:
        async for event in job.events():
            self.events.append(event)

    @property
    def images(self) -> list[int]:
        """The indices of the images that the reader has got."""
        return sorted(event.index for event in self.events if isinstance(event, ImageFinished))

    @property
    def previews(self) -> int:
        return sum(isinstance(event, ImagePreview) for event in self.events)

    async def error(self) -> BaseException | None:
        """Waits until the job has ended. Returns its error."""
        await asyncio.wait([self._task])
        return self._task.exception()


async def until(holds: Callable[[], object]) -> None:
    """Waits for what no event tells: images are encoded in a thread."""
    while not holds():  # noqa: ASYNC110 -- there is no event for it
        await asyncio.sleep(0.001)


async def test_prompts_of_a_job_are_judged_once_each(moderated: Moderated) -> None:
    images = await moderated.submit(STAR, make_params("a circle", steps=1), STAR).result()

    assert [image.index for image in images] == [0, 1, 2]
    assert moderated.moderator.texts == ["a star", "a circle"]


async def test_a_refused_prompt_ends_the_job_as_it_begins(moderated: Moderated) -> None:
    moderated.engine.held_before = (0, 1)

    with pytest.raises(ContentFilteredError):
        await moderated.submit(STAR, FORBIDDEN).result()

    (job,) = moderated.engine.jobs
    assert job.canceled
    assert moderated.engine.steps == 0


async def test_nothing_is_asked_about_a_job_that_waits(moderated: Moderated) -> None:
    moderated.engine.holds_starts = True
    reading = Reading(job := moderated.submit(STAR))
    await asyncio.sleep(0.02)

    job.cancel()

    assert isinstance(await reading.error(), CanceledError)
    assert moderated.moderator.texts == []


async def test_empty_prompts_need_no_judgement(moderated: Moderated) -> None:
    images = await moderated.submit(make_params("", steps=1), make_params(" ", steps=1)).result()

    assert len(images) == 2
    assert moderated.moderator.texts == []


async def test_an_error_that_may_go_away_is_told_before_a_refusal(moderated: Moderated) -> None:
    moderated.moderator.flags_image = lambda image: True
    moderated.engine.held_before = (1, 1)
    reading = Reading(moderated.submit(STAR, STAR))
    await until(lambda: moderated.moderator.judged)
    moderated.engine.failure = WorkerLostError("It died.")
    moderated.engine.let_go()

    assert isinstance(await reading.error(), WorkerLostError)


class OddJob:
    """A job that breaks the contract of `Job`: its events end with an error that no job raises."""

    id, used_s = "job_odd", 0.0

    def __init__(self, *endings: BaseException) -> None:
        self.in_events, self.in_cancel = endings

    async def events(self) -> AsyncIterator[ImageEvent]:
        yield ImageStarted(0)
        raise self.in_events

    async def result(self) -> list[ImageFinished]:
        raise self.in_events

    def cancel(self) -> None:
        raise self.in_cancel


@pytest.mark.parametrize("in_events", [asyncio.CancelledError(), RuntimeError(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("prompt", ["a star", "a forbidden star"])
async def test_a_reader_never_waits_for_a_job_that_has_ended(in_events: BaseException, prompt: str) -> None:
    odd, moderation = OddJob(in_events, ValueError()), moderation_by(FakeModerator())
    job = ModeratedJob(odd, [make_params(prompt)], moderation, Asker("alice", "job_odd"))

    assert await asyncio.wait_for(Reading(job).error(), 60) is not None


async def test_progress_is_seen_while_the_prompt_is_judged_and_images_are_not(moderated: Moderated) -> None:
    moderated.moderator.text_verdicts.clear()
    reading = Reading(moderated.submit(STAR))
    await until(lambda: any(isinstance(event, ImageProgress) and event.step == 3 for event in reading.events))
    await moderated.engine.jobs[0].wait()
    assert reading.images == []

    moderated.moderator.text_verdicts.set()

    assert await reading.error() is None
    assert reading.images == [0]


async def test_a_prompt_that_is_refused_late_shows_no_image_that_was_finished_meanwhile(moderated: Moderated) -> None:
    moderated.moderator.text_verdicts.clear()
    reading = Reading(moderated.submit(FORBIDDEN))
    await moderated.engine.jobs[0].wait()

    moderated.moderator.text_verdicts.set()

    assert isinstance(await reading.error(), ContentFilteredError)
    assert reading.images == []


async def test_a_refused_image_fails_and_the_others_are_finished(moderated: Moderated) -> None:
    flags = iter([False, True, False])
    moderated.moderator.flags_image = lambda image: next(flags)
    reading = Reading(moderated.submit(STAR, STAR, STAR))

    assert isinstance(await reading.error(), ContentFilteredError)
    assert len(reading.images) == 2


async def test_images_are_judged_beside_each_other_but_few_at_a_time(moderated: Moderated) -> None:
    moderated.moderator.image_verdicts.clear()
    reading = Reading(moderated.submit(*[make_params("a star", steps=1, seed=seed) for seed in range(7)]))
    await moderated.engine.jobs[0].wait()
    await until(lambda: moderated.moderator.images == 4)

    moderated.moderator.image_verdicts.set()

    assert await reading.error() is None
    assert reading.images == list(range(7))
    assert moderated.moderator.most_images == 4


async def test_without_a_verdict_nothing_is_shown(moderated: Moderated) -> None:
    moderated.moderator.failure = UnavailableModeratorError("It sleeps.")

    job = moderated.submit(STAR)

    with pytest.raises(ModerationUnavailableError):
        await job.result()


@pytest.mark.parametrize(("params", "previews"), [(STAR, 2), (FORBIDDEN, 0)])
async def test_previews_wait_for_the_prompts_verdict(params: GenerationParams, previews: int) -> None:
    moderated = Moderated(judges_images=False)
    moderated.moderator.text_verdicts.clear()
    reading = Reading(moderated.submit(params, previews=2))
    await moderated.engine.jobs[0].wait()
    assert reading.previews == 0

    moderated.moderator.text_verdicts.set()

    await reading.error()
    assert reading.previews == previews


async def test_a_failed_image_is_told_after_those_that_were_finished(moderated: Moderated) -> None:
    moderated.moderator.image_verdicts.clear()
    moderated.engine.held_before = (1, 1)
    reading = Reading(moderated.submit(STAR, STAR))
    await until(lambda: moderated.moderator.images)
    moderated.engine.failure = GenerationFailedError("It broke.")
    moderated.engine.let_go()
    await moderated.engine.jobs[0].wait()

    moderated.moderator.image_verdicts.set()

    assert isinstance(await reading.error(), GenerationFailedError)
    assert reading.images == [0]


async def test_a_canceled_job_ends_as_canceled(moderated: Moderated) -> None:
    moderated.engine.holds_starts = True
    job = moderated.submit(STAR)
    reading = asyncio.create_task(job.result())
    await asyncio.sleep(0)

    job.cancel()

    with pytest.raises(CanceledError):
        await reading
    assert job.id == moderated.engine.jobs[0].id
    assert job.used_s == moderated.engine.jobs[0].used_s


async def test_a_reader_that_leaves_leaves_no_task(moderated: Moderated) -> None:
    moderated.moderator.image_verdicts.clear()
    job = moderated.submit(STAR)
    events = job.events()
    assert isinstance(events, AsyncGenerator)
    async for event in events:
        if isinstance(event, ImageProgress):
            break
    await events.aclose()

    await moderated.engine.jobs[0].wait()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - {asyncio.current_task()} == set()


async def test_the_image_itself_is_judged(moderated: Moderated) -> None:
    params, seen = make_params("a star", steps=1), list[Any]()

    def flags(image: Image.Image) -> bool:
        seen.append((image.size, image.getpixel((0, 0))))
        return False

    moderated.moderator.flags_image = flags
    await moderated.submit(params).result()

    (size, pixel) = seen.pop()
    drawn = draw(params)
    assert size == (drawn.width, drawn.height)
    assert all(abs(judged - shown) <= 3 for judged, shown in zip(pixel, drawn.pixels[:3], strict=True))
