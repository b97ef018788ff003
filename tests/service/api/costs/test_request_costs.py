"""Every route answers a request that costs as much as any legal one within bounds of work and of memory.

A route that is not in the table fails here, so that every new route gets a bound on its cost. The bounds are about
twice the counts that were measured. A commit that raises one says why.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx2

from service.api.dialects.a1111.listings import REFRESHED
from service.api.durable_jobs.pages import MAX_PAGE_BYTES
from service.auth.identity import DEFAULT_TENANT
from service.images.embedded_text import MAX_TEXT_BYTES
from tests.harness.keys import bearer, write_key_file
from tests.service.api.costs.meter import Cost, measure
from tests.service.api.costs.worst_requests import (
    DELIVERY,
    JOB,
    LISTINGS,
    PNG,
    SDAPI,
    Route,
    fill,
    requests_that_draw,
    requests_without_drawing,
    routes_of,
)
from tests.service.api.in_process import JOBS, Api, run_in_process

KIB: Final = 1 << 10
MIB: Final = 1 << 20
SPEC: Final = 256 * KIB
"""Most bytes of a job's stored spec, and about the size of the one here."""

PROBE: Final = Cost(statements=2, answer_bytes=KIB, read_bytes=64 * KIB, peak_bytes=128 * KIB)
HEAD: Final = Cost(statements=2, answer_bytes=0, read_bytes=64 * KIB, peak_bytes=128 * KIB)
LOOK: Final = Cost(statements=3, answer_bytes=KIB, read_bytes=64 * KIB, peak_bytes=128 * KIB)
"""A look at one image: no more than its row is read."""
FILE: Final = Cost(
    statements=3, answer_bytes=len(PNG), read_bytes=64 * KIB + len(PNG), peak_bytes=128 * KIB + 2 * len(PNG)
)
DRAWING: Final = Cost(statements=4, answer_bytes=128 * KIB, read_bytes=64 * KIB, peak_bytes=4 * MIB)
INFERENCE: Final = Cost(statements=4, answer_bytes=128 * KIB, read_bytes=64 * KIB, peak_bytes=4 * MIB + 6 * len(PNG))
"""The image to start from is base64, which is held beside the file in it."""
PREDICTIONS: Final = "/replicate/v1/predictions"
MODEL: Final = "/replicate/v1/models/{owner}/{name}"
IMAGE: Final = JOBS + "/{job_id}/images/{index}"

BOUNDS: Final[dict[Route, Cost]] = {
    **{(method, path): PROBE for method in ("GET", "HEAD") for path in ("/livez", "/readyz", "/health")},
    ("GET", "/"): Cost(2, 8 * KIB, 64 * KIB, 128 * KIB),
    ("HEAD", "/"): HEAD,
    ("GET", "/docs"): Cost(2, 8 * KIB, 64 * KIB, 128 * KIB),
    ("HEAD", "/docs"): HEAD,
    ("GET", "/assets/{name}"): Cost(2, 128 * KIB, 64 * KIB, 512 * KIB),
    ("HEAD", "/assets/{name}"): HEAD,
    ("GET", "/openapi.json"): Cost(2, 256 * KIB, 64 * KIB, 2 * MIB),
    ("GET", "/api/v1/capabilities"): Cost(2, 16 * KIB, 64 * KIB, 256 * KIB),
    ("GET", "/v1/models"): Cost(2, 4 * KIB, 64 * KIB, 128 * KIB),
    ("GET", "/v1/models/{model_id:path}"): PROBE,
    ("POST", "/v1/images/generations"): DRAWING,
    ("POST", "/v1/images/edits"): DRAWING,
    ("POST", "/v1/images/variations"): DRAWING,
    ("POST", "/v1/deployments/{deployment}/images/generations"): DRAWING,
    ("POST", "/v1/deployments/{deployment}/images/edits"): DRAWING,
    ("POST", f"{SDAPI}/txt2img"): DRAWING,
    ("POST", f"{SDAPI}/img2img"): Cost(4, 128 * KIB, 64 * KIB, 10 * MIB),  # Two files as base64, in a body of JSON.
    ("POST", f"{SDAPI}/png-info"): Cost(2, 2 * MAX_TEXT_BYTES, 64 * KIB, 4 * MIB),
    ("GET", f"{SDAPI}/progress"): PROBE,
    ("POST", "/internal/progress"): PROBE,
    **{("POST", f"{SDAPI}/{name}"): PROBE for name in ("interrupt", "skip", *REFRESHED)},
    **{(method, f"{SDAPI}/options"): PROBE for method in ("GET", "POST")},
    **{("GET", f"{SDAPI}/{name}"): Cost(2, 4 * KIB, 64 * KIB, 128 * KIB) for name in LISTINGS},
    ("POST", JOBS): Cost(5, 2 * SPEC, 64 * KIB, 3 * MIB),
    ("GET", JOBS): Cost(10, MAX_PAGE_BYTES + KIB, 64 * SPEC, 24 * MIB),
    ("GET", JOBS + "/{job_id}"): Cost(5, 4 * SPEC, 2 * SPEC, 3 * MIB),
    ("POST", JOBS + "/{job_id}/cancel"): Cost(7, 2 * SPEC, 4 * SPEC, 2 * MIB),
    ("DELETE", JOBS + "/{job_id}"): Cost(7, 0, 4 * SPEC, 3 * SPEC),  # The span of a job that waits is of its spec.
    ("GET", JOBS + "/{job_id}/events"): Cost(10, 6 * SPEC, 4 * SPEC, 6 * MIB),
    ("GET", "/api/v1/events"): Cost(8, 6 * SPEC, 4 * SPEC, 6 * MIB),
    ("GET", IMAGE): FILE,
    ("HEAD", IMAGE): LOOK,
    ("GET", IMAGE + "/thumbnail"): Cost(3, 64 * KIB, 128 * KIB, 256 * KIB),
    ("HEAD", IMAGE + "/thumbnail"): LOOK,
    ("POST", IMAGE + "/links"): LOOK,
    ("GET", "/shared/{job_id}/{file}"): FILE,
    ("HEAD", "/shared/{job_id}/{file}"): Cost(5, KIB, 2 * SPEC + len(PNG), 4 * SPEC + len(PNG)),
    **{(method, "/api/v1/session"): PROBE for method in ("GET", "POST", "DELETE")},
    ("GET", "/api/v1/keys"): Cost(3, 32 * KIB, 64 * KIB, 512 * KIB),
    ("POST", "/api/v1/keys"): Cost(10, KIB, 64 * KIB, 512 * KIB),
    ("DELETE", "/api/v1/keys/{key_id}"): Cost(10, KIB, 64 * KIB, 512 * KIB),
    ("GET", "/api/v1/webhooks/secret"): PROBE,
    ("POST", "/api/v1/webhooks/secret/rotate"): Cost(8, KIB, 64 * KIB, 256 * KIB),
    ("GET", "/api/v1/webhooks/deliveries"): Cost(3, 512 * KIB, SPEC, 4 * MIB),
    ("POST", DELIVERY + "/retry"): Cost(8, 4 * KIB, 64 * KIB, 256 * KIB),
    **{("POST", path): INFERENCE for path in ("/", "/hf", "/hf/models/{model:path}")},
    ("POST", MODEL + "/predictions"): Cost(8, 64 * KIB, 64 * KIB, 3 * MIB),
    ("POST", PREDICTIONS): Cost(8, 64 * KIB, 64 * KIB, 3 * MIB),
    ("GET", PREDICTIONS): Cost(36, MAX_PAGE_BYTES + KIB, 64 * SPEC, 24 * MIB),
    ("GET", PREDICTIONS + "/{job_id}"): Cost(5, 2 * len(PNG), 2 * SPEC + len(PNG), 3 * MIB + 4 * len(PNG)),
    ("POST", PREDICTIONS + "/{job_id}/cancel"): Cost(7, 64 * KIB, 4 * SPEC, 2 * MIB),
    ("GET", PREDICTIONS + "/{job_id}/stream"): Cost(10, 2 * len(PNG), 4 * SPEC + len(PNG), 6 * MIB + 4 * len(PNG)),
    ("GET", MODEL): Cost(2, 32 * KIB, 64 * KIB, 512 * KIB),
    ("GET", MODEL + "/versions/{version}"): Cost(2, 32 * KIB, 64 * KIB, 512 * KIB),
    ("POST", "/replicate/v1/files"): Cost(12, KIB, 2 * len(PNG), 4 * MIB),
    ("GET", "/replicate/v1/files/{sha256}"): Cost(4, KIB, 64 * KIB, 128 * KIB),
    ("DELETE", "/replicate/v1/files/{sha256}"): Cost(9, 0, 64 * KIB, 128 * KIB),
    ("GET", "/replicate/v1/webhooks/default/secret"): PROBE,
    ("POST", "/api/v1/uploads"): Cost(12, KIB, 2 * len(PNG), 4 * MIB),
    ("GET", "/api/v1/uploads/{sha256}"): Cost(4, KIB, 64 * KIB, 128 * KIB),
    ("DELETE", "/api/v1/uploads/{sha256}"): Cost(9, 0, 64 * KIB, 128 * KIB),
}


@contextlib.asynccontextmanager
async def run_with_keys(data_dir: Path) -> AsyncIterator[Api]:
    """Runs a server that has keys, with a client that sends an admin's."""
    async with run_in_process(data_dir, api_key_file=write_key_file(data_dir.with_suffix(".keys"))) as api:
        api.client.headers.update(bearer("root"))
        yield api


async def test_no_route_costs_more_than_it_may(tmp_path: Path) -> None:
    costs: dict[Route, Cost] = {}
    async with run_with_keys(tmp_path / "loading") as api:
        sent = requests_without_drawing(api, await fill(api))
        costs |= {route: await measure(send) for route, send in sent.items()}
        assert routes_of(api) == BOUNDS.keys()
    async with run_in_process(tmp_path / "serving") as api:
        costs |= {route: await measure(send) for route, send in requests_that_draw(api).items()}

    assert costs.keys() == BOUNDS.keys()
    assert {route: (cost, BOUNDS[route]) for route, cost in costs.items() if cost.exceeds(BOUNDS[route])} == {}


async def test_the_meter_counts_statements_answers_files_and_memory(tmp_path: Path) -> None:
    async with run_with_keys(tmp_path) as api:
        stored = await fill(api)
        job, image = f"{JOBS}/{stored.job_id}", f"{JOBS}/{stored.job_id}/images/0"

        probe = await measure(lambda: api.client.get("/livez"))
        look = await measure(lambda: api.client.get(job))
        file = await measure(lambda: api.client.get(image))

    assert (probe.statements, probe.answer_bytes) == (0, len('{"status":"ok"}'))
    assert look.statements > 0
    assert look.answer_bytes > sum(map(len, JOB["prompt"]))
    assert min(file.answer_bytes, file.peak_bytes) >= len(PNG) > probe.peak_bytes
    assert file.read_bytes >= len(PNG) or file.read_bytes == 0


async def test_statements_of_other_tasks_are_not_counted(tmp_path: Path) -> None:
    async with run_in_process(tmp_path) as api:
        jobs, until = api.app.state.services.jobs, asyncio.Event()

        async def look_on() -> None:
            while not until.is_set():
                assert [each async for each in jobs.summaries(DEFAULT_TENANT, at_most=1)] == []
                await asyncio.sleep(0)

        async def send() -> httpx2.Response:
            looks = [await api.client.get(JOBS) for _ in range(3)]
            return looks[-1]

        alone = await measure(send)
        other = asyncio.create_task(look_on())
        beside = await measure(send)
        until.set()
        await other

    assert beside.statements == alone.statements > 0
