"""`darkroom keys` makes, lists and revokes keys in the store of the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.auth.keys import digest
from tests.harness.command import Command


def listed(command: Command) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(command("keys", "list", "--json").out)["keys"]
    return keys


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command) -> Path:
    """An empty data folder. `command` comes first, because it clears the variables."""
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_key_is_printed_once_and_alone_and_listed_without_it(command: Command, store: Path) -> None:
    created = command("keys", "create", "--name", "ci", "--role", "admin", "--tenant", "alice", "--expires", "90d")

    secret = created.out.strip()
    assert created.status == 0
    assert secret.startswith("drk_")
    assert "not shown again" in created.err
    (key,) = listed(command)
    assert (key["name"], key["role"], key["tenant"], key["state"]) == ("ci", "admin", "alice", "valid")
    assert key["expires_at"] > key["created_at"]
    everything = command("keys", "list").out + command("keys", "list", "--json").out
    assert secret not in everything
    assert digest(secret) not in everything


def test_the_store_that_is_made_is_the_owners_alone(command: Command, store: Path) -> None:
    command("keys", "create")

    assert {file.stat().st_mode & 0o077 for file in store.iterdir()} == {0}


def test_a_key_as_json_has_its_quotas(command: Command) -> None:
    quotas = ["--requests-per-minute", "60", "--max-jobs", "3", "--device-s-per-minute", "1.5"]

    created = json.loads(command("keys", "create", "--json", *quotas, "--max-stored-bytes", "5000000000").out)

    assert created["key"].startswith("drk_")
    assert "sha256" not in created
    assert listed(command)[0]["quotas"] == created["quotas"]
    assert created["quotas"] == {
        "requests_per_minute": 60,
        "max_jobs": 3,
        "device_s_per_minute": 1.5,
        "max_stored_bytes": 5_000_000_000,
    }


def test_a_revoked_key_is_listed_as_such_and_cannot_be_revoked_again(command: Command) -> None:
    command("keys", "create")
    (key,) = listed(command)

    assert command("keys", "revoke", key["id"]).status == 0
    assert [each["state"] for each in listed(command)] == ["revoked"]
    again = command("keys", "revoke", key["id"], "key_unknown")
    assert again.status == 1
    assert again.err.splitlines() == [
        f"There is no key {each}, or it is revoked already." for each in (key["id"], "key_unknown")
    ]


def test_a_list_for_people_has_a_line_for_each_key(command: Command) -> None:
    assert command("keys", "list").out == "There are no keys.\n"
    command("keys", "create", "--name", "a long name")
    command("keys", "create")

    heading, first, second = command("keys", "list").out.splitlines()

    assert heading.split()[:5] == ["id", "name", "tenant", "role", "state"]
    assert "a long name" in first
    assert first.endswith("never")
    assert "unnamed" in second


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role", "root"], "root"),
        (["--tenant", "a/b"], "A tenant must have"),
        (["--name", ""], "A key's name must have"),
        (["--expires", "soon"], "must be a duration"),
        (["--expires", "2001-01-01"], "is in the past"),
        (["--max-jobs", "0"], "--max-jobs"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_a_sentence(command: Command, arguments: list[str], said: str) -> None:
    refused = command("keys", "create", *arguments)

    assert refused.status == 2
    assert said in refused.err
    assert command("keys", "list").out == "There are no keys.\n"


def test_a_store_that_cannot_be_used_is_told_in_a_sentence(command: Command, store: Path) -> None:
    store.mkdir()
    (store / "jobs.sqlite3").write_bytes(b"no database" * 1000)

    for arguments in (["create"], ["list"], ["revoke", "key_a"]):
        failed = command("keys", *arguments)
        assert failed.status == 1
        assert "file is not a database" in failed.err
        assert "Traceback" not in failed.err
        assert failed.out == ""
