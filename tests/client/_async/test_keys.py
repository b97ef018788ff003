"""`client.keys`."""

from __future__ import annotations

import json

import httpx2
import pytest

from darkroom import InternalServerError
from tests.client.both import Clients

KEY = {
    "id": "key_a",
    "name": "shop",
    "role": "user",
    "tenant": "shop",
    "quotas": {"requests_per_minute": 60, "max_jobs": None, "device_s_per_minute": None, "max_stored_bytes": None},
    "state": "valid",
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
}
SECRET = "drk_cAnArY7"


class Server:
    """Has one key, and makes more."""

    def __init__(self, status: int = 201) -> None:
        self.status = status
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.method == "DELETE":
            return httpx2.Response(204)
        if request.method == "POST":
            return httpx2.Response(self.status, json={**KEY, "key": SECRET})
        return httpx2.Response(200, json={"data": [KEY]})


def test_a_key_is_made_listed_and_revoked(connect: Clients) -> None:
    server = Server()
    client = connect(server)
    made = client.keys.create(name="shop", tenant="shop", expires_in_s=60, quotas={"requests_per_minute": 60})
    (listed,) = client.keys.list()
    client.keys.revoke(made.id)

    assert (made.key, listed.quotas.requests_per_minute, listed.state) == (SECRET, 60, "valid")
    assert [f"{request.method} {request.url.path}" for request in server.requests] == [
        "POST /api/v1/keys",
        "GET /api/v1/keys",
        "DELETE /api/v1/keys/key_a",
    ]
    assert json.loads(server.requests[0].content) == {
        "name": "shop",
        "role": "user",
        "tenant": "shop",
        "expires_in_s": 60,
        "quotas": {"requests_per_minute": 60},
    }
    assert client.keys.with_raw_response.list().parse() == [listed]


def test_the_secret_of_a_new_key_is_not_shown(connect: Clients) -> None:
    made = connect(Server()).keys.create(name="shop")
    assert SECRET not in f"{made} {made!r}"


def test_a_key_is_not_made_twice(connect: Clients) -> None:
    server = Server(status=500)
    client = connect(server)
    with pytest.raises(InternalServerError):
        client.keys.create(name="shop")
    assert len(server.requests) == 1
    with pytest.raises(InternalServerError):
        client.keys.create(name="shop", max_retries=1)
    assert len(server.requests) == 3
