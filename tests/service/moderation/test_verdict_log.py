"""Both databases store verdicts unchanged, and delete old ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from sqlalchemy import exc, select, update

from service.jobs.store.database import Database
from service.jobs.store.tables import moderation_verdicts
from service.moderation.verdict_log import VerdictLog, newest
from service.moderation.verdicts import UNAVAILABLE, Asker, Judgement, Outcome, Subject, Verdict, prompt_digest

KEEP_S: Final = 100_000.0
ALICE: Final = Asker("alice", "job_a", "req_1")


@pytest.fixture
def verdicts(database: Database) -> VerdictLog:
    return VerdictLog(database, keep_s=KEEP_S)


def verdict(judged_at: float, asker: Asker = ALICE, judgement: Judgement = UNAVAILABLE) -> Verdict:
    return Verdict(
        judged_at=judged_at,
        asker=asker,
        subject=Subject.PROMPT,
        prompt_sha256=prompt_digest("a red circle"),
        judgement=judgement,
    )


async def test_verdicts_are_read_as_they_were_added_the_newest_first(database: Database, verdicts: VerdictLog) -> None:
    now = verdicts.now()
    allowed = verdict(now - 2, judgement=Judgement(Outcome.ALLOWED, "m-1"))
    blocked = verdict(now - 1, Asker("bob", "job_b"), Judgement(Outcome.BLOCKED, "m-1", ("hate", "violence")))
    of_image = replace(blocked, judged_at=now, subject=Subject.IMAGE)
    unavailable = verdict(now - 3)
    await verdicts.add([blocked, allowed])
    await verdicts.add([unavailable, of_image])

    assert await newest(database, limit=10) == [of_image, blocked, allowed, unavailable]
    assert await newest(database, limit=2) == [of_image, blocked]
    assert await newest(database, limit=10, tenant="alice") == [allowed, unavailable]
    assert await newest(database, limit=10, outcome=Outcome.ALLOWED) == [allowed]
    assert await newest(database, limit=10, tenant="bob", outcome=Outcome.ALLOWED) == []


async def test_old_verdicts_are_forgotten_as_others_are_added(database: Database, verdicts: VerdictLog) -> None:
    now = verdicts.now()
    old, young = verdict(now - KEEP_S - 60), verdict(now - KEEP_S + 3600)
    await verdicts.add([old, young])

    await verdicts.add([verdict(now)])

    assert await newest(database, limit=10) == [verdict(now), young]


async def test_no_verdict_can_be_changed(database: Database, verdicts: VerdictLog) -> None:
    given = verdict(verdicts.now(), judgement=Judgement(Outcome.BLOCKED, "m-1"))
    await verdicts.add([given])

    with pytest.raises(exc.DBAPIError, match="never changed"):
        await database.write(
            lambda connection: connection.execute(update(moderation_verdicts).values(outcome=Outcome.ALLOWED))
        )

    assert await newest(database, limit=10) == [given]


async def test_no_prompt_is_stored(database: Database, verdicts: VerdictLog) -> None:
    await verdicts.add([verdict(verdicts.now())])

    (row,) = await database.read(lambda connection: connection.execute(select(moderation_verdicts)).all())
    assert not any("circle" in str(value) for value in row)
