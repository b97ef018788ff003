"""Only its holder has a secret: it is not in the database or its log, the server's log, or a `repr`."""

from __future__ import annotations

import base64
import pprint
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.auth.identity import Role
from service.auth.key_repository import KeyRepository
from service.auth.keys import NewKey, make_key
from tests.harness.keys import secret_of
from tests.service.api.in_process import JOBS, Api, run_in_process

SESSION = "/api/v1/session"


def spellings(secret: str) -> Iterator[bytes]:
    """Returns the secret as it could stand in a file: itself, a part of it, and encoded."""
    yield secret.encode()
    yield secret.removeprefix("drk_")[:20].encode()
    yield secret.encode().hex().encode()
    yield base64.b64encode(secret.encode())[4:-4]


async def use(api: Api, secret: str) -> list[str]:
    """Sends a secret in every possible way, to routes with every kind of answer. Returns the answers."""
    headers: list[dict[str, str]] = [
        {"Authorization": f"Bearer {secret}"},
        {"X-Api-Key": secret},
        {"Authorization": "Basic " + base64.b64encode(f"me:{secret}".encode()).decode()},
        {"Cookie": f"{api.app.state.services.authenticator.session_name}={secret}"},
    ]
    routes = [("GET", JOBS), ("POST", JOBS), ("GET", "/unknown"), ("POST", "/v1/images/generations")]
    bodies: list[dict[str, Any]] = [{"key": secret}, {"key": [secret]}]
    answers = [
        await api.client.request(method, path, headers=given, json={}) for given in headers for method, path in routes
    ] + [await api.client.post(SESSION, json=body) for body in bodies]
    return [f"{answer.headers} {answer.text}" for answer in answers]


async def test_no_file_no_line_of_the_log_no_answer_and_no_repr_holds_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wish = NewKey(name="ci", role=Role.ADMIN, tenant="alice")
    with caplog.at_level("DEBUG"):
        async with run_in_process(tmp_path) as api:
            services = api.app.state.services
            keys = KeyRepository(services.jobs.database)
            key, secret = make_key(wish, now=services.jobs.database.clock.now())
            await keys.add(key)
            await services.authenticator.ring.refresh()
            answers = [*await use(api, secret), *await use(api, secret_of("nobody"))]
            assert (await api.client.post(SESSION, json={"key": secret})).status_code == 200
            await keys.record_uses({key.id: key.created_at})
            await keys.revoke(key.id, now=key.created_at)
            with_the_log = contents(tmp_path)
            shown = [pprint.pformat(each) for each in _inside(services.authenticator)]
    at_rest = contents(tmp_path)

    assert "jobs.sqlite3-wal" in with_the_log
    assert key.sha256.encode() in b"".join(with_the_log.values())  # Otherwise this would search in the wrong place.
    everything = {**{f"{name} at rest": data for name, data in at_rest.items()}, **with_the_log}
    everything |= {"log": caplog.text.encode(), "answers": "\n".join(answers).encode(), "reprs": repr(shown).encode()}
    found = [
        (place, name)
        for name, given in (("key", secret), ("unknown key", secret_of("nobody")))
        for spelled in spellings(given)
        for place, data in everything.items()
        if spelled in data
    ]
    assert found == []


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _inside(thing: Any, depth: int = 3) -> Iterator[Any]:
    """Yields an object and those that its attributes hold."""
    yield thing
    for each in vars(thing).values() if hasattr(thing, "__dict__") and depth else ():
        yield from _inside(each, depth - 1)
