"""`darkroom webhooks`: deliveries listed and tried anew, secrets shown and changed, in the store of the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.cli.stored.store import run_in_store
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.settings import Settings
from service.webhooks.deliveries import Deliveries
from service.webhooks.sending.sender import Answer
from service.webhooks.types import END_EVENTS
from tests.harness.command import Command
from tests.harness.sample_jobs import CLAIM_POLICY, REPOSITORY_POLICY, claim_one, make_image, make_job, make_webhook


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Path:
    """An empty data folder. `command` comes first, because it clears the variables."""
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path))
    return tmp_path


async def fail_one(database: Database) -> None:
    """Leaves a delivery of each of two tenants, of which the first was tried in vain."""
    waiting, deliveries = WaitingJobs(), Deliveries(database)
    repository = JobRepository(database, REPOSITORY_POLICY, waiting)
    claims = JobClaims(database, CLAIM_POLICY, waiting)
    for now, tenant in enumerate(("alice", "bob")):
        await repository.create(make_job(tenant=tenant, webhook=make_webhook(events=END_EVENTS)), now=float(now))
        await claims.add_image(await claim_one(claims, now=float(now)), make_image(), last_at=float(now))
    due = await deliveries.due(now=0.0, busy_hosts=(), busy_tenants=(), limit=1)
    for each in await deliveries.begin(due, now=0.0):
        await deliveries.record(each, Answer(500), now=0.0)


def listed(command: Command, *options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(command("webhooks", "list", "--json", *options).out)["deliveries"]
    return found


def test_deliveries_are_listed_with_their_tries_and_errors(command: Command, store: Path) -> None:
    assert command("webhooks", "list").out == "There are no deliveries.\n"
    run_in_store(Settings(data_dir=store), fail_one)

    bobs, alices = listed(command)
    assert [bobs["tenant"], alices["tenant"]] == ["bob", "alice"]
    assert (alices["state"], alices["tries"], alices["status"]) == ("pending", 1, 500)
    assert alices["error"] == "It answered 500."
    assert alices["created_at"] == "1970-01-01T00:00:00+00:00"
    assert listed(command, "--tenant", "alice") == [alices]
    assert listed(command, "--state", "failed") == []
    assert command("webhooks", "list", "--state", "lost").status == 2
    heading, first, second = command("webhooks", "list").out.splitlines()
    assert heading.startswith("id")
    assert bobs["id"] in first
    assert "It answered 500." in second


def test_a_delivery_is_tried_anew(command: Command, store: Path) -> None:
    run_in_store(Settings(data_dir=store), fail_one)
    (alices,) = listed(command, "--tenant", "alice")

    assert command("webhooks", "retry", alices["id"]).status == 0
    unknown = command("webhooks", "retry", "msg_unknown")

    assert listed(command, "--tenant", "alice")[0]["tries"] == 0
    assert (unknown.status, unknown.err) == (1, "There is no delivery msg_unknown.\n")


def test_a_secret_is_shown_and_changed(command: Command) -> None:
    first = command("webhooks", "secret").out
    bobs = json.loads(command("webhooks", "secret", "--tenant", "bob", "--json").out)
    changed = command("webhooks", "secret", "--rotate").out

    assert first.startswith("whsec_")
    assert bobs["tenant"] == "bob"
    assert len({first.strip(), changed.strip(), bobs["secret"]}) == 3
    assert command("webhooks", "secret").out == changed


def test_a_store_that_cannot_be_used_is_told(command: Command, store: Path) -> None:
    (store / "jobs.sqlite3").write_bytes(b"no database" * 1000)

    assert command("webhooks", "list").status == 1
