"""Serves diffusers with FastAPI and a lock: one request after another, in order of arrival.

It follows diffusers' page "Create a server" (huggingface.co/docs/diffusers/using-diffusers/create_a_server): FastAPI,
uvicorn, and the pipeline in a thread beside the event loop. The lock keeps concurrent requests from sharing the
pipeline's scheduler, which holds the state of the current image.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import uvicorn
from fastapi import FastAPI, Response

from benchmarks.peers.pipeline import PORT_VARIABLE, PeerRequest, Renderer

renderer = Renderer()
lock = asyncio.Lock()
app = FastAPI()


@app.get("/health")
async def health() -> str:
    return "ok"


@app.post("/generate")
async def generate(body: dict[str, Any]) -> Response:
    async with lock:
        files = await asyncio.to_thread(renderer.render, [PeerRequest.from_json(body)])
    return Response(files[0], media_type="image/png")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ[PORT_VARIABLE]), log_level="warning")
