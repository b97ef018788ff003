"""A moderated engine moderates all its jobs, and names the tenant that submitted them.

The tests of the contract of engines hold it to that contract.
"""

from __future__ import annotations

import asyncio

import pytest
import structlog

from service.engine.interface import ImagePreview, Phase
from service.errors import ContentFilteredError, ModerationUnavailableError
from service.jobs.store.database import Database
from service.moderation.moderated_engine import ModeratedEngine
from service.moderation.moderator import UnavailableModeratorError
from service.moderation.verdict_log import VerdictLog, newest
from service.moderation.verdicts import Asker
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.engine.worker_harness import make_params
from tests.harness.served.fake_moderator import FakeModerator, moderation_by

STAR = make_params("a star", steps=3)
FORBIDDEN = make_params("a forbidden star", steps=3)


async def test_jobs_are_moderated_however_they_come() -> None:
    engine = ModeratedEngine(FakeEngine(), moderation_by(FakeModerator()))

    for job in (
        engine.submit([FORBIDDEN]),
        engine.submit([FORBIDDEN], accepted=True),
        await engine.submit_in_line([FORBIDDEN]),
    ):
        with pytest.raises(ContentFilteredError):
            await job.result()


@pytest.mark.parametrize(("judges_images", "previews"), [(True, 0), (False, 2)])
async def test_where_images_are_judged_there_are_no_previews(judges_images: bool, previews: int) -> None:
    fake = FakeEngine()
    engine = ModeratedEngine(fake, moderation_by(FakeModerator(), judges_images=judges_images))

    for job in (engine.submit([STAR], previews=2), await engine.submit_in_line([STAR], previews=2)):
        shown = [event async for event in job.events() if isinstance(event, ImagePreview)]
        assert len(shown) == previews
    assert {job.previews for job in fake.jobs} == {previews}


async def test_verdicts_name_the_one_who_asked(database: Database) -> None:
    moderation = moderation_by(FakeModerator())
    moderation.verdicts = VerdictLog(database, keep_s=1e9)
    engine = ModeratedEngine(FakeEngine(), moderation)

    direct = engine.submit([STAR], tenant="alice")
    with structlog.contextvars.bound_contextvars(job_id="job_durable", request_id="req_1"):
        durable = engine.submit([STAR], tenant="bob", accepted=True)
    await direct.result()
    await durable.result()

    askers = {verdict.asker for verdict in await newest(database, limit=10)}
    assert askers == {Asker("alice", direct.id), Asker("bob", "job_durable", "req_1")}


async def test_an_accepted_job_waits_for_a_service_that_comes_back_and_others_do_not() -> None:
    moderator = FakeModerator()
    engine = ModeratedEngine(FakeEngine(), moderation_by(moderator))

    moderator.failures = [UnavailableModeratorError("It restarts.")] * 3
    (image,) = await engine.submit([STAR], accepted=True).result()
    assert image.index == 0

    for submitted in (engine.submit([STAR]), await engine.submit_in_line([STAR])):
        moderator.failures = [UnavailableModeratorError("It restarts.")]
        with pytest.raises(ModerationUnavailableError):
            await submitted.result()


async def test_an_accepted_job_does_not_wait_for_ever() -> None:
    moderator, fake = FakeModerator(), FakeEngine()
    moderation = moderation_by(moderator)
    moderation.patience_s = 0.0
    moderator.failure = UnavailableModeratorError("It is gone.")

    with pytest.raises(ModerationUnavailableError):
        await ModeratedEngine(fake, moderation).submit([STAR], accepted=True).result()


async def test_what_is_finished_when_the_engine_stops_is_judged_before_it_has_stopped() -> None:
    moderator, fake = FakeModerator(), FakeEngine()
    engine = ModeratedEngine(fake, moderation_by(moderator))
    moderator.image_verdicts.clear()
    reading = asyncio.create_task(engine.submit([STAR]).result())
    await fake.jobs[0].wait()

    stopped = asyncio.create_task(engine.wait_for_phase(Phase.STOPPED))
    stopping = asyncio.create_task(engine.stop(60.0))
    await fake.wait_for_phase(Phase.STOPPED)
    await asyncio.sleep(0)
    phases = [engine.phase]
    assert not stopped.done()

    moderator.image_verdicts.set()
    await stopping
    assert [image.index for image in await reading] == [0]
    assert await stopped is Phase.STOPPED
    assert [*phases, engine.phase] == [Phase.DRAINING, Phase.STOPPED]


async def test_a_stop_waits_for_no_judgement_beyond_its_time() -> None:
    moderator, fake = FakeModerator(), FakeEngine()
    engine = ModeratedEngine(fake, moderation_by(moderator))
    moderator.image_verdicts.clear()
    reading = asyncio.create_task(engine.submit([STAR]).result())
    await fake.jobs[0].wait()

    await engine.stop(0.0)

    assert engine.phase is Phase.STOPPED
    assert not reading.done()
    moderator.image_verdicts.set()
    await reading
