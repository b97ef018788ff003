"""BentoML with adaptive batching: a service that batches, and one before it that takes single requests.

Configured after docs.bentoml.com/en/latest/get-started/adaptive-batching.html, section "Handle multiple parameters":
a composite input, the batching service, and a wrapper, which is asynchronous because a synchronous one would hand over
one request at a time. `max_latency_ms` bounds the wait of every request, after which it is refused with 503, so it is
as long as the longest queue; within it BentoML chooses its own windows from the traffic.
"""

from __future__ import annotations

import base64
import os
from typing import Annotated

import bentoml
from bentoml.validators import ContentType
from pydantic import BaseModel

from benchmarks.peers.pipeline import MAX_BATCH, THREADS_VARIABLE, ImageRequest, Renderer

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
        """Base64 of the PNG files: a list crosses between services as JSON."""
        files = self.renderer.render([ImageRequest.from_json(one.model_dump()) for one in inputs])
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
