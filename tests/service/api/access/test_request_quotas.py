"""Keys with quotas are told what is left and refused beyond it in their dialect, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from service.auth.identity import Quotas
from service.auth.keys import ApiKey
from service.jobs.store.database import database_url
from tests.harness.keys import api_key, bearer, insert_keys
from tests.service.api.in_process import GENERATIONS, JOBS, Api, run_in_process

PROMPT: Final = {"prompt": "x", "num_inference_steps": 1}


def key(name: str, **quotas: Any) -> ApiKey:
    """`quotas` are fields of `Quotas`."""
    return api_key(name, tenant=name, quotas=Quotas(**quotas))


KEYS: Final = (
    key("free"),
    key("rate", requests_per_minute=3),
    key("jobs", max_jobs=2),
    key("device", device_s_per_minute=1),
    key("bytes", max_stored_bytes=100),
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """Quotas are not refilled while a test runs."""
    async with run_in_process(tmp_path, clock_ns=lambda: 0) as api:
        insert_keys(database_url(None, tmp_path), KEYS)
        await api.app.state.services.authenticator.ring.refresh()
        yield api
        api.engine.let_go()  # The end waits for the jobs.


async def send(api: Api, key: str, method: str = "GET", path: str = JOBS, **options: Any) -> httpx2.Response:
    return await api.client.request(method, path, headers=bearer(key), **options)


async def post(api: Api, key: str, path: str = JOBS) -> httpx2.Response:
    return await send(api, key, "POST", path, json=PROMPT)


def counted(api: Api, quota: str) -> bool:
    return (
        f'darkroom_quota_refusals_total{{quota="{quota}"}} 1.0'
        in api.metrics.exposition(ready=True, backlog_s=0.0).decode()
    )


async def test_every_answer_tells_what_is_left_of_the_requests(api: Api) -> None:
    answers = [await send(api, "rate") for _ in range(4)]

    assert [each.status_code for each in answers] == [200, 200, 200, 429]
    assert {each.headers["ratelimit-policy"] for each in answers} == {'"requests";q=3;w=60'}
    assert [each.headers["ratelimit"] for each in answers] == [
        '"requests";r=2;t=20',
        '"requests";r=1;t=40',
        '"requests";r=0;t=60',
        '"requests";r=0;t=60',
    ]


@pytest.mark.parametrize(("path", "place"), [(JOBS, ("code",)), (GENERATIONS, ("error", "code"))])
async def test_a_refusal_has_the_shape_of_the_dialect_and_says_when_to_come_back(
    api: Api, path: str, place: tuple[str, ...]
) -> None:
    for _ in range(3):
        await send(api, "rate")

    refused = await post(api, "rate", path)

    body = refused.json()
    for name in place:
        body = body[name]
    assert (refused.status_code, body) == (429, "quota_exceeded")
    assert (refused.headers["retry-after"], refused.headers["retry-after-ms"]) == ("20", "20000")
    assert api.engine.jobs == []
    assert counted(api, "requests")


async def test_keys_without_quotas_and_requests_without_keys_are_not_told_anything(api: Api) -> None:
    for answer in (await send(api, "free"), await api.client.get("/livez")):
        assert answer.status_code == 200
        assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)


async def test_jobs_and_images_of_both_dialects_count_alike_until_they_end(api: Api) -> None:
    api.engine.holds_starts = True
    first = await post(api, "jobs")
    direct = asyncio.create_task(post(api, "jobs", GENERATIONS))
    await until(lambda: api.engine.running == 2)

    refused = [await post(api, "jobs", path) for path in (JOBS, GENERATIONS)]
    others = await post(api, "free")
    api.engine.let_go()

    assert [each.status_code for each in refused] == [429, 429]
    assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
    assert refused[0].headers["ratelimit"] == '"jobs";r=0'
    assert refused[0].headers["ratelimit-policy"] == '"jobs";q=2;qu="concurrent-requests"'
    assert (first.status_code, others.status_code, (await direct).status_code) == (202, 202, 200)
    await ended(api, "jobs", first.json()["id"])
    assert [(await post(api, "jobs", path)).status_code for path in (JOBS, GENERATIONS)] == [202, 200]


async def test_a_canceled_job_makes_room_and_gives_back_its_device_seconds(api: Api) -> None:
    api.engine.holds_starts = True
    job = {**PROMPT, "n": 8}  # Eight images, each of a price of a tenth of a second.
    first = await send(api, "device", "POST", json=job)
    refused = await send(api, "device", "POST", json=job)

    assert (first.status_code, refused.status_code) == (202, 429)
    assert refused.headers["ratelimit-policy"] == '"device-seconds";q=1;w=60;qu="device-seconds"'
    assert refused.headers["retry-after"] == "36"
    assert counted(api, "device-seconds")

    await send(api, "device", "POST", f"{JOBS}/{first.json()['id']}/cancel")
    await ended(api, "device", first.json()["id"])
    await until(lambda: api.engine.idle and not api.app.state.services.unfinished_jobs("device"))
    assert (await send(api, "device", "POST", json=job)).status_code == 202


async def test_a_request_is_settled_with_what_it_has_used(api: Api) -> None:
    api.engine.used_s = 0.9

    first = await post(api, "device", GENERATIONS)
    second = await post(api, "device", GENERATIONS)
    third = await post(api, "device", GENERATIONS)

    assert [each.status_code for each in (first, second, third)] == [200, 200, 429]


async def test_the_replay_of_a_job_is_neither_charged_nor_refused(api: Api) -> None:
    api.engine.holds_starts = True
    headers = {**bearer("jobs"), "Idempotency-Key": "once"}
    answers = [await api.client.post(JOBS, json=PROMPT, headers=headers) for _ in range(5)]

    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["id"] for each in answers}) == 1
    assert answers[-1].headers["ratelimit"] == '"jobs";r=1'


async def test_a_tenant_with_too_many_bytes_is_refused_wherever_it_would_store_more(api: Api) -> None:
    made = await send(api, "bytes", "POST", json={**PROMPT, "output_format": "png"})
    await ended(api, "bytes", made.json()["id"])
    await until(lambda: not api.app.state.services.jobs.tenants.allowances)

    refused = await post(api, "bytes")
    direct = await send(api, "bytes", "POST", GENERATIONS, json={**PROMPT, "response_format": "url"})
    unstored = await post(api, "bytes", GENERATIONS)

    assert [each.status_code for each in (made, refused, direct, unstored)] == [202, 429, 429, 200]
    assert int(refused.headers["retry-after"]) > 3600, "the job expires in days"
    assert (await post(api, "free")).status_code == 202
    for path, field in (("/api/v1/uploads", "image"), ("/replicate/v1/files", "content")):
        undecoded = await send(api, "bytes", "POST", path, json={field: "no image"})
        assert undecoded.status_code == 429, "it is refused before anything is decoded"


async def ended(api: Api, key: str, job_id: str) -> None:
    path = f"{JOBS}/{job_id}"
    while not (await send(api, key, path=path)).json()["completed_at"]:  # noqa: ASYNC110 -- only a request tells
        await asyncio.sleep(0.01)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 -- the fake engine has no event for it
        await asyncio.sleep(0.01)
