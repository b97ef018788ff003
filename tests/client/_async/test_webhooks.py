"""`client.webhooks`."""

from __future__ import annotations

import httpx2
import pytest

from darkroom import InternalServerError
from tests.client.both import Clients

SECRET = "whsec_cAnArY7"
DELIVERY = {
    "job_id": "job_1",
    "event": "job.succeeded",
    "url": "https://hooks.example/in",
    "state": "failed",
    "tries": 8,
    "status": None,
    "error": "The receiver did not answer in time.",
    "created_at": "2026-01-01T00:00:00Z",
    "tried_at": "2026-01-02T00:00:00Z",
    "next_try_at": None,
}


class Server:
    """Has a secret, and two deliveries, which come one a page."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.status, json=self._answer(request))

    def _answer(self, request: httpx2.Request) -> object:
        if "/secret" in request.url.path:
            return {"key": SECRET}
        if request.method == "POST":
            return {"id": "msg_a", **DELIVERY, "state": "pending", "tries": 0}
        is_last = "cursor" in request.url.params
        return {"data": [{"id": "msg_b" if is_last else "msg_a", **DELIVERY}], "next_cursor": None if is_last else "c"}

    def lines(self) -> list[str]:
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


def test_the_secret_is_shown_and_changed(connect: Clients) -> None:
    server = Server()
    client = connect(server)
    secrets = [client.webhooks.get_secret(), client.webhooks.rotate_secret()]

    assert [each.key for each in secrets] == [SECRET] * 2
    assert SECRET not in f"{secrets} {secrets!r}"
    assert server.lines() == ["GET /api/v1/webhooks/secret", "POST /api/v1/webhooks/secret/rotate"]
    assert client.webhooks.with_raw_response.get_secret().parse().key == SECRET


def test_deliveries_are_listed_page_by_page_and_tried_anew(connect: Clients) -> None:
    server = Server()
    client = connect(server)
    listed = list(client.webhooks.list_deliveries(state="failed", page_size=1))
    retried = client.webhooks.retry_delivery(listed[0].id)

    assert [(each.id, each.state, each.tries) for each in listed] == [("msg_a", "failed", 8), ("msg_b", "failed", 8)]
    assert (retried.state, retried.tries) == ("pending", 0)
    assert server.lines() == [
        "GET /api/v1/webhooks/deliveries?limit=1&state=failed",
        "GET /api/v1/webhooks/deliveries?limit=1&state=failed&cursor=c",
        "POST /api/v1/webhooks/deliveries/msg_a/retry",
    ]


def test_a_secret_is_not_changed_twice(connect: Clients) -> None:
    server = Server(status=500)
    client = connect(server)
    with pytest.raises(InternalServerError):
        client.webhooks.rotate_secret()
    assert len(server.requests) == 1
    with pytest.raises(InternalServerError):
        client.webhooks.rotate_secret(max_retries=1)
    assert len(server.requests) == 3
