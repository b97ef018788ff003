"""A request to each route that costs as much as any legal one, and a store in which it finds as much as there can be.

Images are fewer and smaller than they may be: what they take grows with their pixels, which the model's limits bound.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeAlias

import httpx2
from fastapi.routing import iter_route_contexts

from pipelines.interface import RgbImage
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths, TextLength
from service.api.dialects.a1111.listings import CONSTANT, REFRESHED
from service.auth.identity import DEFAULT_TENANT
from service.engine.interface import ImageFinished, Phase
from service.engine.types import Timings
from service.images.encoding import encode
from service.jobs.records import ImageSpec, JobSpec
from tests.harness.keys import secret_of
from tests.service.api.in_process import JOBS, Api

SIDE: Final = 512
IMAGES: Final = 100
PROMPTS: Final = [f"{number:03}{'é' * 1250}" for number in range(IMAGES)]
"""As many prompts as a job may have, together nearly as long as a stored job may be."""
LONG: Final = "x" * 4000
KEYS: Final = 50
DELIVERIES: Final = 50
"""Half a page of webhooks' deliveries."""
LISTED: Final = 50
"""Jobs that wait, more than fit into a page."""
PNG: Final = encode(RgbImage(SIDE, SIDE, random.Random(1).randbytes(3 * SIDE * SIDE)), "png")
MASK: Final = encode(RgbImage(SIDE, SIDE, bytes(3 * SIDE * SIDE)), "png")
TEXTS: Final = {"prompt": LONG, "negative_prompt": LONG}
DRAWING: Final = {"n": 2, "num_inference_steps": 1, "size": "64x64"}
SDAPI_DRAWING: Final = {"n_iter": 2, "steps": 1, "width": 64, "height": 64}
SDAPI: Final = "/sdapi/v1"
LISTINGS: Final = ("samplers", "sd-models", *CONSTANT)
DESCRIBED_PNG: Final = encode(RgbImage(1, 1, bytes(3)), "png", parameters=f"{LONG * 65}\nA1: 1, B2: 2, C3: 3")
"""A PNG with the longest parameters that are read, and more."""
INFERENCE: Final[dict[str, Any]] = {
    "inputs": base64.b64encode(PNG).decode(),
    "parameters": {**TEXTS, "num_inference_steps": 4, "width": 64, "height": 64},
}
JOB: Final[dict[str, Any]] = {"prompt": PROMPTS, "negative_prompt": LONG, "num_inference_steps": 1}
WEBHOOK: Final = {"url": f"https://hooks.invalid/{'x' * 2000}"}

Send: TypeAlias = Callable[[], Awaitable[httpx2.Response]]
Route: TypeAlias = tuple[str, str]
"""A method and a path with its parameters in braces. The page's files are one path."""


def routes_of(api: Api) -> set[Route]:
    return {
        (method, re.sub(r"^/assets/.*", "/assets/{name}", str(context.path)))
        for context in iter_route_contexts(api.app.routes)
        for method in context.methods or ()
    }


@dataclass(slots=True)
class Stored:
    """The jobs, uploads, keys and links that the requests name."""

    job_id: str
    link: str
    spare: list[str] = field(default_factory=list)
    """Jobs to be canceled and deleted."""
    digests: list[str] = field(default_factory=list)
    """Uploads to be read and deleted."""
    keys: list[str] = field(default_factory=list)
    """API keys to be revoked."""


async def fill(api: Api) -> Stored:
    """Stores a job with all of its images, a page of jobs that wait, and uploads."""
    api.engine.phase = Phase.LOADING
    first = GenerationParams(
        prompt="",
        negative_prompt=LONG,
        width=SIDE,
        height=SIDE,
        steps=1,
        guidance_scale=4.0,
        seed=0,
        sampler="ddim",
    )
    params = [replace(first, prompt=prompt, seed=seed) for seed, prompt in enumerate(PROMPTS)]
    pixel, lengths = RgbImage(1, 1, bytes(3)), PromptLengths(prompt=TextLength(read=30, total=4000))
    timings = Timings(queue_s=0.1, encode_s=0.1, denoise_s=0.1, decode_s=0.1, mean_batch_rows=2.0)
    images = [(ImageFinished(each.seed, each, pixel, timings, lengths), b"" if each.seed else PNG) for each in params]
    spec = JobSpec(model="darkroom-fake", images=tuple(map(ImageSpec, params)), output_format="png")
    services = api.app.state.services
    record = await services.jobs.store_finished(spec, images, tenant=DEFAULT_TENANT, lifetime_s=3600.0)
    stored = Stored(record.id, services.links.path(record.id, 0, int(time.time()) + 3600, media_type="image/png"))
    for _ in range(DELIVERIES):
        job = (await api.client.post(JOBS, json={"prompt": "x", "webhook": WEBHOOK})).json()
        await api.client.post(f"{JOBS}/{job['id']}/cancel")
    for _ in range(LISTED):
        answer = await api.client.post(JOBS, json=JOB)
        stored.spare.append(answer.json()["id"])
    for gray in range(8):
        file = encode(RgbImage(SIDE, SIDE, bytes([gray]) * (3 * SIDE * SIDE)), "png")
        answer = await api.client.post("/api/v1/uploads", files={"image": file})
        stored.digests.append(answer.json()["sha256"])
    for _ in range(KEYS):
        stored.keys.append((await api.client.post("/api/v1/keys", json={"name": "x" * 100})).json()["id"])
    return stored


def requests_without_drawing(api: Api, stored: Stored) -> Mapping[Route, Send]:
    """Requests that are answered while the model is loaded, so that all jobs stay as they are."""
    job, image = f"{JOBS}/{stored.job_id}", f"{JOBS}/{stored.job_id}/images/0"
    client, spare, digests = api.client, iter(stored.spare), iter(stored.digests[1:])
    keys = iter(stored.keys)
    asset = next(path for path in _paths(api) if path.startswith("/assets/index-") and path.endswith(".js"))
    files = {"image": PNG}
    return {
        ("GET", "/openapi.json"): lambda: client.get("/openapi.json"),
        ("GET", "/docs"): lambda: client.get("/docs"),
        ("HEAD", "/docs"): lambda: client.head("/docs"),
        ("GET", "/"): lambda: client.get("/"),
        ("HEAD", "/"): lambda: client.head("/"),
        ("GET", "/assets/{name}"): lambda: client.get(asset),
        ("HEAD", "/assets/{name}"): lambda: client.head(asset),
        ("GET", "/v1/models"): lambda: client.get("/v1/models"),
        ("GET", "/v1/models/{model_id:path}"): lambda: client.get("/v1/models/darkroom-fake"),
        ("GET", "/livez"): lambda: client.get("/livez"),
        ("HEAD", "/livez"): lambda: client.head("/livez"),
        ("POST", JOBS): lambda: client.post(JOBS, json={**JOB, "webhook": WEBHOOK}),
        ("GET", JOBS): lambda: client.get(JOBS, params={"limit": 100}),
        ("GET", JOBS + "/{job_id}"): lambda: client.get(job),
        ("POST", JOBS + "/{job_id}/cancel"): lambda: client.post(f"{JOBS}/{next(spare)}/cancel"),
        ("DELETE", JOBS + "/{job_id}"): lambda: client.delete(f"{JOBS}/{next(spare)}"),
        ("GET", JOBS + "/{job_id}/events"): lambda: client.get(f"{job}/events"),
        ("GET", "/api/v1/events"): lambda: client.get("/api/v1/events", params={"job": stored.job_id}),
        ("GET", JOBS + "/{job_id}/images/{index}"): lambda: client.get(image),
        ("HEAD", JOBS + "/{job_id}/images/{index}"): lambda: client.head(image),
        ("GET", JOBS + "/{job_id}/images/{index}/thumbnail"): lambda: client.get(f"{image}/thumbnail"),
        ("HEAD", JOBS + "/{job_id}/images/{index}/thumbnail"): lambda: client.head(f"{image}/thumbnail"),
        ("POST", JOBS + "/{job_id}/images/{index}/links"): lambda: client.post(f"{image}/links", json={}),
        ("GET", "/shared/{job_id}/{file}"): lambda: client.get(stored.link),
        ("HEAD", "/shared/{job_id}/{file}"): lambda: client.head(stored.link),
        **_replicate_requests(client, stored, spare, digests),
        ("POST", "/api/v1/uploads"): lambda: client.post("/api/v1/uploads", files=files),
        ("GET", "/api/v1/session"): lambda: client.get("/api/v1/session"),
        ("POST", "/api/v1/session"): lambda: client.post("/api/v1/session", json={"key": secret_of("root")}),
        ("DELETE", "/api/v1/session"): lambda: client.delete("/api/v1/session"),
        ("GET", "/api/v1/keys"): lambda: client.get("/api/v1/keys"),
        ("POST", "/api/v1/keys"): lambda: client.post("/api/v1/keys", json={"name": "x"}),
        ("DELETE", "/api/v1/keys/{key_id}"): lambda: client.delete(f"/api/v1/keys/{next(keys)}"),
        ("GET", "/api/v1/webhooks/secret"): lambda: client.get("/api/v1/webhooks/secret"),
        ("POST", "/api/v1/webhooks/secret/rotate"): lambda: client.post("/api/v1/webhooks/secret/rotate"),
        ("GET", "/api/v1/webhooks/deliveries"): lambda: client.get(
            "/api/v1/webhooks/deliveries", params={"limit": 100}
        ),
        ("GET", "/api/v1/uploads/{sha256}"): lambda: client.get(f"/api/v1/uploads/{stored.digests[0]}"),
        ("DELETE", "/api/v1/uploads/{sha256}"): lambda: client.delete(f"/api/v1/uploads/{next(digests)}"),
    }


def _replicate_requests(
    client: httpx2.AsyncClient, stored: Stored, spare: Iterator[str], digests: Iterator[str]
) -> Mapping[Route, Send]:
    root = "/replicate/v1"
    predictions, files, model = f"{root}/predictions", f"{root}/files", f"{root}/models/x/darkroom-fake"
    body = {"input": {**TEXTS, "num_inference_steps": 1, "num_outputs": 10}, "webhook": WEBHOOK["url"]}
    version = hashlib.sha256(b"darkroom-fake").hexdigest()
    return {
        ("POST", f"{root}/models/{{owner}}/{{name}}/predictions"): lambda: client.post(
            f"{model}/predictions", json=body
        ),
        ("POST", predictions): lambda: client.post(predictions, json=body),
        ("GET", predictions): lambda: client.get(predictions),
        ("GET", predictions + "/{job_id}"): lambda: client.get(f"{predictions}/{stored.job_id}"),
        ("POST", predictions + "/{job_id}/cancel"): lambda: client.post(f"{predictions}/{next(spare)}/cancel"),
        ("GET", predictions + "/{job_id}/stream"): lambda: client.get(f"{predictions}/{stored.job_id}/stream"),
        ("GET", f"{root}/models/{{owner}}/{{name}}"): lambda: client.get(model),
        ("GET", f"{root}/models/{{owner}}/{{name}}/versions/{{version}}"): lambda: client.get(
            f"{model}/versions/{version}"
        ),
        ("POST", files): lambda: client.post(files, files={"content": PNG}),
        ("GET", files + "/{sha256}"): lambda: client.get(f"{files}/{stored.digests[0]}"),
        ("DELETE", files + "/{sha256}"): lambda: client.delete(f"{files}/{next(digests)}"),
        ("GET", f"{root}/webhooks/default/secret"): lambda: client.get(f"{root}/webhooks/default/secret"),
    }


def requests_that_draw(api: Api) -> Mapping[Route, Send]:
    """Requests that need a server that has loaded its model."""
    client = api.client
    form = {name: str(value) for name, value in DRAWING.items()}

    def generate(root: str) -> Send:
        return lambda: client.post(f"{root}/images/generations", json={**TEXTS, **DRAWING})

    def edit(root: str) -> Send:
        return lambda: client.post(f"{root}/images/edits", data={**TEXTS, **form}, files={"image": PNG, "mask": MASK})

    return {
        ("POST", "/v1/images/generations"): generate("/v1"),
        ("POST", "/v1/images/edits"): edit("/v1"),
        ("POST", "/v1/deployments/{deployment}/images/generations"): generate("/openai/deployments/gpt-image-1"),
        ("POST", "/v1/deployments/{deployment}/images/edits"): edit("/openai/deployments/gpt-image-1"),
        ("POST", "/v1/images/variations"): lambda: client.post(
            "/v1/images/variations", data=form, files={"image": PNG}
        ),
        ("POST", f"{SDAPI}/txt2img"): lambda: client.post(f"{SDAPI}/txt2img", json={**TEXTS, **SDAPI_DRAWING}),
        ("POST", f"{SDAPI}/img2img"): lambda: client.post(
            f"{SDAPI}/img2img", json={**TEXTS, **SDAPI_DRAWING, "init_images": [_text(PNG)], "mask": _text(MASK)}
        ),
        ("POST", f"{SDAPI}/png-info"): lambda: client.post(f"{SDAPI}/png-info", json={"image": _text(DESCRIBED_PNG)}),
        ("GET", f"{SDAPI}/progress"): lambda: client.get(f"{SDAPI}/progress"),
        ("POST", "/internal/progress"): lambda: client.post("/internal/progress", json={"id_task": "x" * 200}),
        ("GET", f"{SDAPI}/options"): lambda: client.get(f"{SDAPI}/options"),
        ("POST", f"{SDAPI}/options"): lambda: client.post(f"{SDAPI}/options", json={"emphasis": "Ignore"}),
        **{("GET", f"{SDAPI}/{name}"): partial(client.get, f"{SDAPI}/{name}") for name in LISTINGS},
        **{
            ("POST", f"{SDAPI}/{name}"): partial(client.post, f"{SDAPI}/{name}")
            for name in ("interrupt", "skip", *REFRESHED)
        },
        **{
            ("POST", route): partial(client.post, path, json=INFERENCE)
            for route, path in (("/", "/"), ("/hf", "/hf"), ("/hf/models/{model:path}", "/hf/models/darkroom-fake"))
        },
        ("GET", "/api/v1/capabilities"): lambda: client.get("/api/v1/capabilities"),
        ("GET", "/readyz"): lambda: client.get("/readyz"),
        ("HEAD", "/readyz"): lambda: client.head("/readyz"),
        ("GET", "/health"): lambda: client.get("/health"),
        ("HEAD", "/health"): lambda: client.head("/health"),
    }


def _text(file: bytes) -> str:
    return base64.b64encode(file).decode()


def _paths(api: Api) -> list[str]:
    return [str(context.path) for context in iter_route_contexts(api.app.routes)]
