"""No route tells another tenant's things from things that never existed: each is asked for both, byte for byte.

The routes come from the application's table. A new one must be in one of the groups below, or has to carry an id in its
path that `things` knows.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from service.api.access.open_routes import OPEN_PATHS
from service.api.dialects.a1111.listings import CONSTANT, REFRESHED
from tests.harness.keys import bearer
from tests.service.api.in_process import GENERATIONS, JOBS, Api
from tests.service.images.inputs.samples import picture, saved

WEBHOOKS: Final = "/api/v1/webhooks"

Route: TypeAlias = tuple[str, str]
"""A method, and a path as the route spells it."""

SDAPI: Final = "/sdapi/v1"

WITHOUT_IDS: Final[frozenset[Route]] = frozenset(
    {
        ("GET", "/api/v1/capabilities"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{model_id:path}"),
        *(("GET", f"{SDAPI}/{name}") for name in ("samplers", "sd-models", *CONSTANT)),
        *(("POST", f"{SDAPI}/{name}") for name in REFRESHED),
        ("POST", f"{SDAPI}/png-info"),
        ("GET", "/replicate/v1/models/{owner}/{name}"),
        ("GET", "/replicate/v1/models/{owner}/{name}/versions/{version}"),
    }
)
"""Routes that are the same for all tenants: models are the server's."""

NO_KEY_NEEDED: Final[frozenset[Route]] = frozenset(
    {
        ("GET", "/openapi.json"),
        *((method, path) for path in ("/", "/docs") for method in ("GET", "HEAD")),
        *((method, path) for path in ("/health", "/livez", "/readyz") for method in ("GET", "HEAD")),
        *((method, "/api/v1/session") for method in ("POST", "GET", "DELETE")),
        ("GET", "/replicate/v1/predictions/{job_id}/stream"),
        *((method, "/shared/{job_id}/{file}") for method in ("GET", "HEAD")),
    }
)
"""Open routes, but for the page's files, whose names change."""

FOR_ADMINS: Final[frozenset[Route]] = frozenset(
    {("GET", "/api/v1/keys"), ("POST", "/api/v1/keys"), ("DELETE", "/api/v1/keys/{key_id}")}
)
"""Routes to things that belong to no tenant. Their own tests show that only admins reach them."""

IMAGE: Final = base64.b64encode(saved(picture((64, 64)))).decode()
UNKNOWN: Final = {"job_id": f"job_{'a' * 26}", "sha256": "0" * 64}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that names a thing, without the key."""

    method: str
    url: str
    json: dict[str, Any] | None = None
    headers: Mapping[str, str] | None = None

    async def send(self, api: Api, name: str) -> httpx2.Response:
        headers = {**bearer(name), **(self.headers or {})}
        return await api.client.request(self.method, self.url, json=self.json, headers=headers)


def starting_from(url: str) -> Callable[[Mapping[str, str]], Request]:
    return lambda ids: Request("POST", url, {"prompt": "x", "image": ids["sha256"]})


def inferring(url: str) -> Callable[[Mapping[str, str]], Request]:
    return lambda ids: Request("POST", url, {"inputs": ids["sha256"], "parameters": {"prompt": "x"}})


def predicting(url: str) -> Callable[[Mapping[str, str]], Request]:
    return lambda ids: Request("POST", url, {"input": {"prompt": "x", "image": ids["sha256"]}})


ELSEWHERE: Final[dict[Route, Callable[[Mapping[str, str]], Request]]] = {
    ("GET", "/api/v1/events"): lambda ids: Request("GET", f"/api/v1/events?job={ids['job_id']}"),
    ("POST", "/api/v1/jobs"): starting_from(JOBS),
    ("POST", "/"): inferring("/"),
    ("POST", "/hf"): inferring("/hf"),
    ("POST", "/hf/models/{model:path}"): inferring("/hf/models/darkroom-fake"),
    ("POST", "/replicate/v1/predictions"): predicting("/replicate/v1/predictions"),
    ("POST", "/replicate/v1/models/{owner}/{name}/predictions"): predicting(
        "/replicate/v1/models/x/darkroom-fake/predictions"
    ),
    ("POST", "/replicate/v1/files"): lambda ids: Request("POST", "/replicate/v1/files", {"content": ids["sha256"]}),
    ("POST", "/api/v1/uploads"): lambda ids: Request("POST", "/api/v1/uploads", {"image": ids["sha256"]}),
    ("POST", f"{SDAPI}/img2img"): lambda ids: Request("POST", f"{SDAPI}/img2img", {"init_images": [ids["sha256"]]}),
    ("POST", "/v1/images/edits"): starting_from("/v1/images/edits"),
    ("POST", "/v1/deployments/{deployment}/images/edits"): starting_from("/v1/deployments/gpt-image-1/images/edits"),
    ("POST", "/v1/images/variations"): lambda ids: Request("POST", "/v1/images/variations", {"image": ids["sha256"]}),
}
"""Routes that take the id of a thing in their query or their body."""

CONTENTS: Final[frozenset[Route]] = frozenset(
    {
        ("GET", JOBS),
        ("POST", GENERATIONS),
        ("GET", "/replicate/v1/predictions"),
        ("GET", "/replicate/v1/webhooks/default/secret"),
        ("POST", "/v1/deployments/{deployment}/images/generations"),
        ("GET", f"{WEBHOOKS}/secret"),
        ("POST", f"{WEBHOOKS}/secret/rotate"),
        ("GET", f"{WEBHOOKS}/deliveries"),
        ("POST", f"{SDAPI}/txt2img"),
        *((method, f"{SDAPI}/options") for method in ("GET", "POST")),
        ("GET", f"{SDAPI}/progress"),
        ("POST", "/internal/progress"),
        *(("POST", f"{SDAPI}/{name}") for name in ("interrupt", "skip")),
    }
)
"""Routes that take no id of a thing, and show or make what is a tenant's own: tested by name below and, those of
AUTOMATIC1111's API, in tests/service/api/dialects/a1111."""


def routes_of(app: FastAPI) -> set[Route]:
    return {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        for method in sorted(context.methods or ())
        if not str(context.path).startswith("/assets/")
    }


def by_path(route: Route) -> bool:
    return any(f"{{{name}}}" in route[1] for name in UNKNOWN) and route not in NO_KEY_NEEDED


def request_for(route: Route, ids: Mapping[str, str]) -> Request:
    """Returns the request to a route that takes the ids of things."""
    if route in ELSEWHERE:
        return ELSEWHERE[route](ids)
    method, path = route
    for name, value in {**ids, "index": "0"}.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"{route} takes the id of something that this test knows nothing of"
    return Request(method, path, {} if method == "POST" else None)


async def things(api: Api) -> dict[str, str]:
    """Makes a job and an upload of alice's. Returns their ids by the names of the routes' parameters."""
    job = await api.create_job(headers=bearer("alice"))
    upload = await api.client.post("/api/v1/uploads", json={"image": IMAGE}, headers=bearer("alice"))
    return {"job_id": job.json()["id"], "sha256": upload.json()["sha256"]}


def told(answer: httpx2.Response, ids: Mapping[str, str]) -> tuple[int, list[tuple[str, str]], str]:
    """Returns an answer's status, headers and text, without the request's id, and with the given ids replaced."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name.lower() != "x-request-id"]
    text = answer.text
    for name, value in ids.items():
        text = text.replace(value, f"<{name}>")
    return answer.status_code, headers, text


def test_every_route_is_in_one_group(guarded: Api) -> None:
    routes = routes_of(guarded.app)
    groups = [WITHOUT_IDS, NO_KEY_NEEDED, FOR_ADMINS, set(ELSEWHERE), CONTENTS, set(filter(by_path, routes))]

    assert set().union(*groups) == routes
    assert sum(map(len, groups)) == len(routes)
    assert {path for _, path in NO_KEY_NEEDED} == set(OPEN_PATHS) - {"/assets/{name}"}


async def test_no_route_tells_anothers_thing_from_one_that_never_existed(guarded: Api) -> None:
    theirs = await things(guarded)
    for route in [each for each in routes_of(guarded.app) if by_path(each) or each in ELSEWHERE]:
        another = await request_for(route, theirs).send(guarded, "bob")
        unknown = await request_for(route, UNKNOWN).send(guarded, "bob")
        assert told(another, theirs) == told(unknown, UNKNOWN), route
        if by_path(route):
            assert another.status_code == 404, route


async def test_their_owner_reaches_the_same_things_by_the_same_requests(guarded: Api) -> None:
    """Otherwise the test above would show nothing."""
    mine = await things(guarded)
    reached = [each for each in routes_of(guarded.app) if by_path(each) or each in ELSEWHERE]
    for route in sorted(reached, key=lambda route: route[0] == "DELETE"):
        if route == ("DELETE", "/api/v1/uploads/{sha256}"):
            mine = {**mine, **await things(guarded)}
        request = request_for(route, mine)
        answer, unknown = await request.send(guarded, "alice"), await request_for(route, UNKNOWN).send(guarded, "alice")
        assert told(answer, mine) != told(unknown, UNKNOWN), route
        assert answer.status_code != 404, route


async def test_a_key_without_the_role_of_an_admin_reaches_no_other_tenant_and_neither_does_an_admin(
    guarded: Api,
) -> None:
    theirs = await things(guarded)

    assert (await guarded.client.get(f"{JOBS}/{theirs['job_id']}", headers=bearer("root"))).status_code == 404


async def test_lists_hold_only_ones_own_even_behind_anothers_cursor(guarded: Api) -> None:
    for _ in range(2):
        await things(guarded)
    page = (await guarded.client.get(f"{JOBS}?limit=1", headers=bearer("alice"))).json()
    assert page["next_cursor"]

    for url in (JOBS, f"{JOBS}?cursor={page['next_cursor']}"):
        assert (await guarded.client.get(url, headers=bearer("bob"))).json()["data"] == []


async def test_webhooks_have_a_secret_and_a_list_of_ones_own(guarded: Api) -> None:
    keys = {}
    for name in ("alice", "bob"):
        await guarded.create_job(webhook={"url": f"https://{name}.invalid/"}, headers=bearer(name))
        keys[name] = (await guarded.client.get(f"{WEBHOOKS}/secret", headers=bearer(name))).json()["key"]
    rotated = (await guarded.client.post(f"{WEBHOOKS}/secret/rotate", headers=bearer("bob"))).json()["key"]
    listed = (await guarded.client.get(f"{WEBHOOKS}/deliveries", headers=bearer("alice"))).json()["data"]

    assert len({*keys.values(), rotated}) == 3
    assert (await guarded.client.get(f"{WEBHOOKS}/secret", headers=bearer("alice"))).json()["key"] == keys["alice"]
    assert [each["url"] for each in listed] == ["https://alice.invalid/"]


async def test_anothers_idempotency_key_is_a_key_of_ones_own(guarded: Api) -> None:
    made = {}
    for name in ("alice", "bob"):
        headers = {**bearer(name), "Idempotency-Key": "the same"}
        answer = await guarded.create_job(headers=headers, prompt=name)
        assert "Idempotency-Replayed" not in answer.headers
        made[name] = answer.json()["id"]

    assert made["alice"] != made["bob"]


@pytest.mark.parametrize("header", [{"Idempotency-Key": "the same"}, {"X-Stainless-Retry-Count": "0"}])
async def test_a_request_of_openais_api_never_finds_the_work_of_anothers(guarded: Api, header: dict[str, str]) -> None:
    body = {"prompt": "x", "num_inference_steps": 1, "seed": 7}
    for name in ("alice", "bob"):
        await guarded.client.post(GENERATIONS, json=body, headers={**bearer(name), **header})

    assert [job.tenant for job in guarded.engine.jobs] == ["alice", "bob"]


async def test_a_link_is_open_to_all_until_a_character_of_it_changes(guarded: Api) -> None:
    theirs = await things(guarded)
    made = await guarded.client.post(f"{JOBS}/{theirs['job_id']}/images/0/links", json={}, headers=bearer("alice"))
    link = made.json()["url"]

    assert (await guarded.client.get(link)).status_code == 200
    changed = await guarded.client.get(f"{link[:-1]}{'0' if link[-1] != '0' else '1'}")
    unknown = await guarded.client.get(link.replace(theirs["job_id"], UNKNOWN["job_id"]))
    assert changed.status_code == 404
    assert told(changed, theirs) == told(unknown, UNKNOWN)


async def test_the_engine_shares_its_time_by_the_tenant_of_the_key_from_every_dialect(guarded: Api) -> None:
    for name in ("alice", "bob"):
        await guarded.create_job(headers=bearer(name))
        body = {"prompt": "x", "num_inference_steps": 1}
        await guarded.client.post(GENERATIONS, json=body, headers=bearer(name))
        await guarded.client.post("/v1/images/variations", json={"image": IMAGE}, headers=bearer(name))
        await guarded.client.post(f"{SDAPI}/txt2img", json={"steps": 1}, headers=bearer(name))

    assert [job.tenant for job in guarded.engine.jobs] == ["alice"] * 4 + ["bob"] * 4
