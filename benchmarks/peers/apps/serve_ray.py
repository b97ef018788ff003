"""Serves diffusers with Ray Serve's `@serve.batch`, in one replica.

It follows docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html: `max_batch_size` is a power of two, and
`batch_wait_timeout_s` is far below the target latency. The pipeline runs in a thread, as the page on asyncio best
practices recommends for blocking code, so that the replica accepts and batches requests meanwhile; this needs a
`max_ongoing_requests` above the batch size. The replica reserves as many CPUs as the pipeline has threads, because Ray
sets OMP_NUM_THREADS to that number.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import Response

from benchmarks.peers.pipeline import (
    BATCH_WAIT_S,
    MAX_BATCH,
    PORT_VARIABLE,
    THREADS_VARIABLE,
    PeerRequest,
    Renderer,
)

THREADS = int(os.environ[THREADS_VARIABLE])
MAX_ONGOING = 1024
OBJECT_STORE_BYTES = 128 << 20


class Images:
    def __init__(self) -> None:
        self.renderer = Renderer()

    async def __call__(self, request: Request) -> Response:
        if request.url.path == "/health":
            return Response()
        file = await self.render(PeerRequest.from_json(await request.json()))
        return Response(file, media_type="image/png")

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=BATCH_WAIT_S)
    async def render(self, requests: list[PeerRequest]) -> list[bytes]:
        return await asyncio.to_thread(self.renderer.render, requests)


deployment = serve.deployment(
    num_replicas=1, max_ongoing_requests=MAX_ONGOING, ray_actor_options={"num_cpus": THREADS}
)(Images)


def main() -> None:
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    ray.init(
        address="local",
        num_cpus=THREADS,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ[PORT_VARIABLE])})
    serve.run(deployment.bind())
    ended.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
