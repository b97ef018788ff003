"""Serves diffusers with BentoML's adaptive batching: a batching service behind one that takes single requests.

It follows docs.bentoml.com/en/latest/get-started/adaptive-batching.html, section "Handle multiple parameters": a
composite input, the batching service, and a wrapper. The wrapper is asynchronous because a synchronous one would pass
on one request at a time. BentoML refuses a request with 503 after it has waited for `max_latency_ms`, so this is as
long as the longest queue; within it BentoML adapts its batching windows to the traffic.
"""

from __future__ import annotations

import base64
import os
from typing import Annotated

import bentoml
from bentoml.validators import ContentType
from pydantic import BaseModel

from benchmarks.peers.pipeline import MAX_BATCH, THREADS_VARIABLE, PeerRequest, Renderer

TIMEOUT_S = 600


class ImageInput(BaseModel):
    prompt: str
    steps: int
    guidance_scale: float
    width: int
    height: int
    seed: int


@bentoml.service(
    workers=1,
    resources={"cpu": os.environ[THREADS_VARIABLE]},
    traffic={"timeout": TIMEOUT_S, "concurrency": MAX_BATCH},
)
class Batching:
    def __init__(self) -> None:
        self.renderer = Renderer()

    @bentoml.api(batchable=True, batch_dim=(0, 0), max_batch_size=MAX_BATCH, max_latency_ms=1000 * TIMEOUT_S)
    def render(self, inputs: list[ImageInput]) -> list[str]:
        """Returns the PNG files in base64, because lists cross between services as JSON."""
        files = self.renderer.render([PeerRequest.from_json(one.model_dump()) for one in inputs])
        return [base64.b64encode(file).decode("ascii") for file in files]


@bentoml.service(workers=1, traffic={"timeout": TIMEOUT_S})
class Images:
    batching = bentoml.depends(Batching)

    @bentoml.api(route="/generate")
    async def generate(
        self, prompt: str, steps: int, guidance_scale: float, width: int, height: int, seed: int
    ) -> Annotated[bytes, ContentType("image/png")]:
        one = ImageInput(
            prompt=prompt, steps=steps, guidance_scale=guidance_scale, width=width, height=height, seed=seed
        )
        files = await self.batching.to_async.render([one])
        return base64.b64decode(files[0])
