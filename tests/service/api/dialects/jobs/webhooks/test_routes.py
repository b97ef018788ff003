"""A job's webhook is told over HTTP, and its tenant sees the secret and the deliveries, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from standardwebhooks import Webhook as Verifier

from tests.harness.wire.webhook_receiver import Receiver, receiving
from tests.service.api.in_process import JOBS, TENANT, Api, run_in_process

WEBHOOKS: Final = "/api/v1/webhooks"
BOB: Final = {TENANT: "bob"}
NOWHERE: Final = "https://127.0.0.1.nip.test/in"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with run_in_process(tmp_path, webhook_allowed_hosts="127.0.0.1") as api:
        yield api


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


async def secret(api: Api, **headers: str) -> str:
    answer = await api.client.get(f"{WEBHOOKS}/secret", headers=headers)
    assert answer.headers["cache-control"] == "no-store"
    key: str = answer.json()["key"]
    return key


async def deliveries(api: Api, **query: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await api.client.get(f"{WEBHOOKS}/deliveries", params=query)).json()
    return page


async def delivered(api: Api, count: int, *, state: str = "delivered") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        await asyncio.sleep(0.01)
        found = (await deliveries(api, state=state))["data"]
    return found


async def test_a_job_is_told_with_a_link_that_opens_without_a_key(api: Api, receiver: Receiver) -> None:
    job = (await api.create_job(webhook={"url": receiver.url})).json()
    (listed,) = await delivered(api, 1)

    (received,) = receiver.received
    told = Verifier(await secret(api)).verify(received.body, received.headers)
    assert told["type"] == "job.succeeded"
    assert told["data"]["id"] == job["id"]
    assert told["data"]["images"][0]["sha256"] == job["images"][0]["sha256"]
    image = await api.client.get(told["data"]["images"][0]["url"])
    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert listed["id"] == received.headers["webhook-id"]
    assert (listed["event"], listed["url"], listed["status"], listed["tries"]) == (
        "job.succeeded", receiver.url, 204, 1,
    )  # fmt: skip
    assert (listed["error"], listed["next_try_at"]) == (None, None)


async def test_a_canceled_job_is_told_too_and_a_form_may_name_a_webhook(api: Api, receiver: Receiver) -> None:
    api.engine.holds_starts = True
    fields = {"prompt": (None, "x"), "webhook": (None, f'{{"url": "{receiver.url}"}}')}
    job = (await api.client.post(JOBS, files=fields)).json()
    await api.client.post(f"{JOBS}/{job['id']}/cancel")

    (listed,) = await delivered(api, 1)
    assert (listed["job_id"], listed["event"]) == (job["id"], "job.canceled")


async def test_the_secret_is_the_tenants_own_and_changes_when_it_is_asked_to(api: Api) -> None:
    first, bobs = await secret(api), await secret(api, **BOB)
    changed = await api.client.post(f"{WEBHOOKS}/secret/rotate")

    assert changed.headers["cache-control"] == "no-store"
    assert len({first, bobs, changed.json()["key"]}) == 3
    assert (await secret(api), await secret(api, **BOB)) == (changed.json()["key"], bobs)


async def test_a_delivery_is_tried_anew_when_its_tenant_asks(api: Api, receiver: Receiver) -> None:
    receiver.statuses = [410]
    await api.create_job(webhook={"url": receiver.url})
    (gone,) = await delivered(api, 1, state="disabled")
    url = f"{WEBHOOKS}/deliveries/{gone['id']}/retry"

    unknown = await api.client.post(url.replace("succeeded", "failed"), headers=BOB)
    assert (await api.client.post(url, headers=BOB)).status_code == unknown.status_code == 404
    retried = await api.client.post(url)

    assert retried.status_code == 200
    assert (retried.json()["state"], retried.json()["tries"]) == ("pending", 0)
    assert retried.json()["next_try_at"] is not None
    (listed,) = await delivered(api, 1)
    assert [each.headers["webhook-id"] for each in receiver.received] == [listed["id"]] * 2
    assert (listed["tries"], listed["next_try_at"]) == (1, None)
    assert (await api.client.post(f"{WEBHOOKS}/deliveries/msg_%00/retry")).status_code == 404


async def test_deliveries_come_in_pages_and_to_their_tenant_alone(api: Api, receiver: Receiver) -> None:
    for _ in range(2):
        await api.create_job(webhook={"url": receiver.url, "events": ["job.started", "job.succeeded"]})
    await delivered(api, 4)

    first = await deliveries(api, limit=3)
    rest = await deliveries(api, limit=3, cursor=first["next_cursor"])
    assert len({each["id"] for each in first["data"] + rest["data"]}) == 4
    assert rest["next_cursor"] is None
    for query in ({}, {"cursor": first["next_cursor"]}):
        answer = await api.client.get(f"{WEBHOOKS}/deliveries", params=query, headers=BOB)
        assert answer.json()["data"] == []
    assert (await api.client.get(f"{WEBHOOKS}/deliveries", params={"cursor": "x"})).status_code == 400


@pytest.mark.parametrize(
    ("webhook", "detail"),
    [
        ({"url": "http://hooks.test/"}, "https"),
        ({"url": "https://10.0.0.1/"}, "not public"),
        ({"url": "https://2130706433/"}, "usual spelling"),
        ({"url": "https://user:secret@hooks.test/"}, "without a user"),
        ({"url": NOWHERE, "events": []}, "at least 1"),
        ({"url": NOWHERE, "events": ["job.image"]}, "job.started"),
        ({"url": NOWHERE, "secret": "x"}, "xtra"),
        ({}, "required"),
        (NOWHERE, "valid dictionary"),
    ],
    ids=str,
)
async def test_a_webhook_that_cannot_be_told_is_refused_before_the_job_is_accepted(
    api: Api, webhook: Any, detail: str
) -> None:
    answer = await api.create_job(webhook=webhook)

    assert answer.status_code == 422
    (problem, *_) = answer.json()["errors"]
    assert problem["pointer"].startswith("/webhook")
    assert detail in problem["detail"]
    assert "secret@" not in answer.text
    assert (await api.client.get(JOBS)).json()["data"] == []


async def test_a_process_without_a_store_has_no_webhooks(api_without_store: Api) -> None:
    answer: httpx2.Response = await api_without_store.client.get(f"{WEBHOOKS}/secret")

    assert answer.status_code == 404
