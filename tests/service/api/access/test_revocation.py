"""Streams of events and waiting requests end with the key that began them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import update

from service.auth.key_repository import KeyRepository
from service.jobs.store.tables import api_keys
from tests.harness.keys import api_key, bearer, secret_of
from tests.service.api.access.caller import Caller, until
from tests.service.api.in_process import GENERATIONS, JOBS, Api

REQUEST: Final = {"prompt": "x", "num_inference_steps": 1}
LAST: Final = {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def revoke_all_but_bob(key_file: Path) -> None:
    key_file.write_text(f"{secret_of('bob')} tenant=bob")


async def events_of(api: Api, name: str) -> Caller:
    """A stream of the events of a job that does not end."""
    api.engine.held_before = (0, 1)
    job = (await api.client.post(JOBS, json=REQUEST, headers=bearer(name))).json()
    stream = Caller(api, "GET", job["urls"]["events"], headers=bearer(name))
    await stream.begun()
    return stream


async def test_a_stream_of_events_is_closed_in_order_and_others_go_on(guarded: Api, key_file: Path) -> None:
    ended, other = await events_of(guarded, "alice"), await events_of(guarded, "bob")

    revoke_all_but_bob(key_file)
    await ended.done()

    assert ended.sent[-1] == LAST
    assert other.sent[-1]["more_body"]


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        (JOBS, REQUEST, {"Prefer": "wait=60"}),
        (GENERATIONS, REQUEST, {}),
        (GENERATIONS, {**REQUEST, "stream": True}, {}),
    ],
    ids=["job", "generation", "stream"],
)
async def test_a_caller_that_waits_is_answered_401(
    guarded: Api, key_file: Path, path: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    guarded.engine.held_before = (0, 1)
    caller = Caller(guarded, "POST", path, headers={**bearer("alice"), **headers}, body=body)
    await until(lambda: bool(guarded.engine.jobs))

    revoke_all_but_bob(key_file)
    await caller.done()

    assert caller.status == (200 if "stream" in body else 401)


async def test_the_images_of_a_revoked_caller_are_canceled(guarded: Api, key_file: Path) -> None:
    guarded.engine.held_before = (0, 1)
    caller = Caller(guarded, "POST", GENERATIONS, headers=bearer("alice"), body=REQUEST)
    await until(lambda: bool(guarded.engine.jobs))
    assert not guarded.engine.idle

    revoke_all_but_bob(key_file)
    await caller.done()

    await until(lambda: guarded.engine.idle)


async def test_requests_without_a_key_end_once_there_is_one(api: Api) -> None:
    stream = await events_of(api, "nobody")

    keys = KeyRepository(api.app.state.services.jobs.database)
    await keys.add(api_key("first"))
    await stream.done()

    assert stream.sent[-1] == LAST
    assert (await api.client.get(JOBS)).status_code == 401
    assert (await api.client.get(JOBS, headers=bearer("first"))).status_code == 200
    api.engine.let_go()


async def test_a_key_that_expires_ends_what_it_began(api: Api) -> None:
    services = api.app.state.services
    database = services.jobs.database
    await KeyRepository(database).add(api_key("short", expires_at=database.clock.now() + 3600.0))
    await services.authenticator.ring.refresh()
    stream = await events_of(api, "short")
    soon = update(api_keys).where(api_keys.c.name == "short").values(expires_at=database.clock.now() + 0.5)
    await database.write(lambda connection: connection.execute(soon).rowcount)

    await stream.done()

    assert stream.sent[-1] == LAST
    refused = await api.client.get(JOBS, headers=bearer("short"))
    assert (refused.status_code, refused.json()["detail"]) == (401, "The API key has expired.")
    api.engine.let_go()
