"""/api/v1/keys: an admin's key makes, lists and revokes keys, and nobody else does."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.harness.keys import bearer
from tests.service.api.in_process import JOBS, Api

KEYS: Final = "/api/v1/keys"
ROOT: Final = bearer("root")


async def made(api: Api, **fields: Any) -> dict[str, Any]:
    answer = await api.client.post(KEYS, json={"name": "ci", **fields}, headers=ROOT)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


async def test_a_key_is_shown_once_and_counts_at_once(guarded: Api) -> None:
    key = await made(guarded, tenant="alice", expires_in_s=3600, quotas={"max_jobs": 3})
    secret = key.pop("key")

    assert (await guarded.client.get(JOBS, headers={"X-Api-Key": secret})).status_code == 200
    listed = await guarded.client.get(KEYS, headers=ROOT)
    (told,) = listed.json()["data"]
    assert {**told, "last_used_at": None} == key
    assert (told["role"], told["state"], told["quotas"]["max_jobs"]) == ("user", "valid", 3)
    assert secret not in listed.text


async def test_a_revoked_key_is_refused_at_once(guarded: Api) -> None:
    key = await made(guarded)

    revoked = await guarded.client.delete(f"{KEYS}/{key['id']}", headers=ROOT)

    assert revoked.status_code == 204
    assert (await guarded.client.get(JOBS, headers={"X-Api-Key": key["key"]})).status_code == 401
    again = await guarded.client.delete(f"{KEYS}/{key['id']}", headers=ROOT)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a\nb"},
        {"tenant": "a/b"},
        {"role": "root"},
        {"expires_in_s": 0},
        {"quotas": {"max_jobs": 0}},
        {"quotas": {"unknown": 1}},
        {"quotas": {"device_s_per_minute": 5e-324}},
        {"unknown": 1},
    ],
)
async def test_a_wish_that_cannot_be_is_refused(guarded: Api, body: dict[str, Any]) -> None:
    answer = await guarded.client.post(KEYS, json={"name": "x", **body} if body else {}, headers=ROOT)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_value")


async def test_users_may_not_and_do_not_learn_which_keys_there_are(guarded: Api) -> None:
    key = await made(guarded)
    for method, path in (("GET", KEYS), ("POST", KEYS), ("DELETE", f"{KEYS}/{key['id']}"), ("DELETE", f"{KEYS}/none")):
        answer = await guarded.client.request(method, path, headers=bearer("alice"))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await guarded.client.get(JOBS, headers={"X-Api-Key": key["key"]})).status_code == 200


async def test_where_nobody_needs_a_key_nobody_makes_the_first(api: Api) -> None:
    assert (await api.client.post(KEYS, json={"name": "mine"})).status_code == 403
