"""`darkroom moderation` lists verdicts from the store of the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.cli.stored.store import run_in_store
from service.jobs.store.database import Database
from service.moderation.verdict_log import VerdictLog
from service.moderation.verdicts import UNAVAILABLE, Asker, Judgement, Outcome, Subject, Verdict, prompt_digest
from service.settings import Settings
from tests.harness.command import Command


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Path:
    """An empty data folder. `command` comes first, because it clears the variables."""
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path))
    return tmp_path


async def keep_two(database: Database) -> None:
    """Leaves a verdict on each of two tenants."""
    log = VerdictLog(database, keep_s=1e10)
    blocked = Judgement(Outcome.BLOCKED, "moderator-1", ("hate", "violence"))
    for number, (tenant, judgement) in enumerate((("alice", blocked), ("bob", UNAVAILABLE))):
        verdict = Verdict(
            judged_at=float(number),
            asker=Asker(tenant, f"job_{tenant}", f"req_{tenant}"),
            subject=Subject.PROMPT,
            prompt_sha256=prompt_digest("a star"),
            judgement=judgement,
        )
        await log.add([verdict])


def listed(command: Command, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command("moderation", "--json", *options).out)["verdicts"]
    return found


def test_verdicts_are_listed_with_who_asked_and_why_it_was_blocked(command: Command, store: Path) -> None:
    assert command("moderation").out == "There are no verdicts.\n"
    run_in_store(Settings(data_dir=store), keep_two)

    bobs, alices = listed(command)
    assert alices == {
        "judged_at": "1970-01-01T00:00:00+00:00",
        "tenant": "alice",
        "job_id": "job_alice",
        "request_id": "req_alice",
        "subject": "prompt",
        "prompt_sha256": prompt_digest("a star"),
        "outcome": "blocked",
        "policy": "moderator-1",
        "categories": ["hate", "violence"],
    }
    assert (bobs["tenant"], bobs["outcome"], bobs["policy"]) == ("bob", "unavailable", None)
    assert listed(command, "--tenant", "alice") == [alices]
    assert listed(command, "--outcome", "unavailable") == [bobs]
    assert listed(command, "--limit", "1") == [bobs]
    heading, first, second = command("moderation").out.splitlines()
    assert heading.startswith("judged")
    assert "job_bob" in first
    assert "hate, violence" in second


def test_an_outcome_that_does_not_exist_is_a_wrong_option(command: Command) -> None:
    wrong = command("moderation", "--outcome", "maybe")

    assert wrong.status == 2
    assert "allowed, blocked or unavailable" in wrong.err
