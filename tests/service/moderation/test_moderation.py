"""Moderation refuses a prompt or an image without a judgement, and stores and counts each verdict."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipelines.interface import RgbImage
from service.errors import ContentFilteredError, DarkroomError, ModerationUnavailableError, StoreUnavailableError
from service.images.encoding import Encoder
from service.jobs.store.database import Database
from service.moderation.moderation import Moderation
from service.moderation.moderator import UnavailableModeratorError
from service.moderation.verdict_log import VerdictLog, newest
from service.moderation.verdicts import Asker, Outcome, Subject, Verdict, prompt_digest
from service.observability.metrics import Metrics
from tests.harness.served.fake_moderator import FakeModerator, moderation_by

ALICE = Asker("alice", "job_a", "req_1")
IMAGE = RgbImage(8, 8, bytes(192))
FAILURES = [UnavailableModeratorError("It sleeps."), RuntimeError("a secret"), ValueError(), KeyError("x")]


async def refusals(moderation: Moderation, *prompts: str) -> Sequence[DarkroomError | None]:
    """The refusal of the prompts, and that of an image that was made from the first one."""
    return [
        await moderation.refusal_of_prompts(prompts, ALICE),
        await moderation.refusal_of_image(IMAGE, prompts[0], ALICE),
    ]


async def test_what_is_allowed_has_no_refusal() -> None:
    assert await refusals(moderation_by(FakeModerator()), "a star", "a circle") == [None, None]


async def test_what_is_blocked_is_refused_in_words_without_the_prompt() -> None:
    for refusal in await refusals(moderation_by(FakeModerator(lambda image: True)), "a star", "forbidden fruit"):
        assert isinstance(refusal, ContentFilteredError)
        assert (refusal.status, refusal.code) == (400, "content_filtered")
        assert "fruit" not in refusal.message


@pytest.mark.parametrize("failure", FAILURES, ids=repr)
async def test_without_a_judgement_everything_is_refused(failure: Exception) -> None:
    moderator = FakeModerator()
    moderator.failure = failure

    for refusal in await refusals(moderation_by(moderator), "a star"):
        assert isinstance(refusal, ModerationUnavailableError)
        assert (refusal.status, refusal.code, refusal.retry_after_s) == (503, "moderation_unavailable", 10.0)
        assert "secret" not in refusal.message


async def test_images_are_let_through_where_they_are_not_judged() -> None:
    moderator = FakeModerator(lambda image: True)

    assert await moderation_by(moderator, judges_images=False).refusal_of_image(IMAGE, "a star", ALICE) is None


async def test_each_verdict_is_kept(database: Database) -> None:
    moderation = moderation_by(moderator := FakeModerator(lambda image: True))
    moderation.verdicts = VerdictLog(database, keep_s=1e9)
    await refusals(moderation, "a star", "a forbidden star")
    moderator.failure = UnavailableModeratorError("It sleeps.")
    await moderation.refusal_of_prompts(["a circle"], ALICE)

    def short(verdict: Verdict) -> tuple[Subject, str, Outcome]:
        return verdict.subject, verdict.prompt_sha256, verdict.judgement.outcome

    kept = await newest(database, limit=10)
    star, forbidden, circle = map(prompt_digest, ("a star", "a forbidden star", "a circle"))
    assert sorted(map(short, kept)) == sorted(
        [
            (Subject.PROMPT, star, Outcome.ALLOWED),
            (Subject.PROMPT, forbidden, Outcome.BLOCKED),
            (Subject.IMAGE, star, Outcome.BLOCKED),
            (Subject.PROMPT, circle, Outcome.UNAVAILABLE),
        ]
    )
    assert {each.asker for each in kept} == {ALICE}
    assert {each.judgement.policy for each in kept} == {"moderator-2026-11-01", None}


async def test_what_cannot_be_recorded_is_refused(database: Database) -> None:
    moderation = moderation_by(FakeModerator())
    moderation.verdicts = VerdictLog(database, keep_s=1e9)
    await database.close()

    assert [type(refusal) for refusal in await refusals(moderation, "a star")] == [StoreUnavailableError] * 2


async def test_verdicts_are_counted_and_what_is_blocked_is_told_the_log(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    moderation = Moderation(FakeModerator(), Encoder(1), metrics, judges_images=True)

    await refusals(moderation, "a star", "a forbidden star")

    exposed = metrics.exposition(ready=True, backlog_s=0.0).decode()
    for subject, outcome in (("prompt", "allowed"), ("prompt", "blocked"), ("image", "allowed")):
        assert f'darkroom_moderation_verdicts_total{{outcome="{outcome}",subject="{subject}"}} 1.0' in exposed
    assert 'darkroom_moderation_seconds_count{subject="prompt"} 1.0' in exposed
    (record,) = [record for record in caplog.records if "blocked" in record.getMessage()]
    assert "alice" in record.getMessage()
    assert "star" not in record.getMessage()
