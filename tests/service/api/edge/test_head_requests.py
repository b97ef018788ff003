"""Every route that can be read answers HEAD as it answers GET, without the body."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from tests.service.api.in_process import JOBS, Api

CHANGING = frozenset({"x-request-id", "cache-control"})


async def readable(api: Api) -> list[str]:
    """Returns the addresses of all routes with a GET."""
    job = (await api.create_job()).json()
    image = job["images"][0]
    link = (await api.client.post(f"{image['url']}/links", json={})).json()["url"]
    upload = await api.client.post("/api/v1/uploads", json={"image": PIXEL})
    known = {
        "/shared/{job_id}/{file}": link,
        "/api/v1/events": f"/api/v1/events?job={job['id']}",
        "/v1/models/{model_id}": f"/v1/models/{job['request']['model']}",
    }
    model = (await api.client.get(f"/replicate/v1/models/any/{job['request']['model']}")).json()
    values = {
        "job_id": job["id"],
        "index": "0",
        "sha256": upload.json()["sha256"],
        "owner": model["owner"],
        "name": model["name"],
        "version": model["latest_version"]["id"],
    }
    paths = [path for method, path in api.operations if method == "GET"]
    return [known.get(path) or path.format(**values) for path in paths] + ["/", "/docs", "/openapi.json", "/health"]


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


async def test_every_readable_route_answers_head_with_the_head_of_get(api: Api) -> None:
    urls = await readable(api)
    assert len(urls) > 14
    for url in urls:
        read, asked = await api.client.get(url), await api.client.head(url)
        # A server without keys has none to show.
        expected = 403 if url == "/api/v1/keys" else 200
        assert (asked.status_code, asked.content) == (read.status_code, b"") == (expected, b""), url
        assert _lasting(asked.headers) == _lasting(read.headers), url


def _lasting(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in CHANGING}


async def test_head_of_an_endless_stream_ends_and_leaves_nothing_running(api: Api) -> None:
    api.engine.held_before = (0, 0)
    job = (await api.client.post(JOBS, json={"prompt": "x", "num_inference_steps": 1})).json()
    async with asyncio.timeout(60):
        answer = await api.client.head(job["urls"]["events"])
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    api.engine.let_go()
    assert "darkroom_event_streams 0.0" in api.metrics.exposition(ready=True, backlog_s=0).decode()


@pytest.mark.parametrize("path", [f"{JOBS}/job_{'a' * 32}", "/nowhere"])
async def test_head_of_what_is_not_there_is_an_error_without_a_body(api: Api, path: str) -> None:
    answer = await api.client.head(path)
    assert (answer.status_code, answer.content) == (404, b"")


async def test_head_is_counted_as_head_of_its_route(api: Api) -> None:
    await api.client.head("/v1/models")
    text = api.metrics.exposition(ready=True, backlog_s=0).decode()
    assert 'method="HEAD",route="/v1/models",status="200"' in text


async def test_head_is_told_with_get_and_changes_nothing(api: Api) -> None:
    job = (await api.create_job()).json()
    answer = await api.client.head(f"{job['urls']['self']}/cancel")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert (await api.client.put(JOBS)).headers["allow"] == "GET, HEAD, POST, OPTIONS"
