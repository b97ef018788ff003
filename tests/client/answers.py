"""Answers of a Darkroom server, for handlers that stand in for one."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx2
from PIL import Image


def png(width: int = 8, height: int = 8) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (220, 40, 40)).save(file, format="png")
    return file.getvalue()


def b64_png() -> str:
    return base64.b64encode(png()).decode()


def images(*seeds: int, **headers: str) -> httpx2.Response:
    """Underscores in the names of `headers` stand for hyphens."""
    data = [{"b64_json": b64_png(), "seed": seed} for seed in seeds or (1,)]
    body = {"created": 1, "data": data, "size": "8x8", "output_format": "png", "sampler": "ddim", "novelty": 1}
    return httpx2.Response(200, json=body, headers=_hyphenated(headers))


def error(status: int, code: str = "a_code", param: str | None = None, **headers: str) -> httpx2.Response:
    """An error answer. Underscores in the names of `headers` stand for hyphens."""
    body = {"error": {"message": "It went wrong.", "type": "a_type", "param": param, "code": code}}
    return httpx2.Response(status, json=body, headers=_hyphenated(headers))


def problem(status: int, *errors: tuple[str, str], code: str = "invalid_value") -> httpx2.Response:
    """An error in the shape of RFC 9457; each of `errors` is a pointer and what is wrong there."""
    body = {
        "type": "about:blank",
        "title": "Wrong",
        "status": status,
        "detail": "The body is not valid.",
        "code": code,
        "errors": [{"pointer": pointer, "detail": detail} for pointer, detail in errors],
    }
    return httpx2.Response(status, json=body, headers={"content-type": "application/problem+json"})


def _hyphenated(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def image_record(index: int = 0, content: bytes | None = None) -> dict[str, Any]:
    """A finished image of the job `job_1`."""
    url = f"/api/v1/jobs/job_1/images/{index}"
    timings = {"queue_s": 0, "encode_s": 0, "denoise_s": 1, "decode_s": 0, "total_s": None, "batch_size": 2}
    return {
        "index": index,
        "url": url,
        "thumbnail_url": f"{url}/thumbnail",
        "sha256": hashlib.sha256(content or png()).hexdigest(),
        "width": 8,
        "height": 8,
        "seed": 7 + index,
        "mime": "image/png",
        "size_bytes": 1,
        "prompt": "a red circle",
        "position": [],
        "timings": timings,
        "prompt_tokens": None,
    }


def job_record(status: str = "queued", images: int = 0, **fields: Any) -> dict[str, Any]:
    """The job `job_1`."""
    settings = {"num_inference_steps": 4, "sampler": "ddim", "schedule": None, "image": None, "strength": 1.0}
    request = {
        "model": "bundled",
        "prompts": ["a red circle"],
        "output_format": "png",
        "output_compression": None,
        "previews": 0,
        "priority": "interactive",
        "deadline_s": None,
    }
    return {
        "id": "job_1",
        "status": status,
        "queue_position": None,
        "eta_s": None,
        "progress": {"step": 0, "steps": 4, "fraction": 0.0, "loading_s": None},
        "request": {**request, **settings},
        "seeds": [7],
        "images": [image_record(index) for index in range(images)],
        "prompt_truncated": None,
        "timings": None,
        "error": None,
        "created_at": "2026-01-01T00:00:00Z",
        "started_at": None,
        "completed_at": None,
        "expires_at": None,
        "urls": {name: f"/api/v1/jobs/job_1/{name}" for name in ("self", "events", "cancel")},
        **fields,
    }


def job(status: str = "queued", images: int = 0, **fields: Any) -> httpx2.Response:
    return httpx2.Response(202, json=job_record(status, images, **fields))


def job_event(number: int, kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\nid: 1.{number}\n\n"


def event(kind: str, **fields: Any) -> str:
    body = {"type": kind, "b64_json": b64_png(), "created_at": 1, "size": "8x8", "output_format": "png", **fields}
    return f"event: {kind}\ndata: {json.dumps(body)}\n\n"


def partial(number: int) -> str:
    return event("image_generation.partial_image", partial_image_index=number, index=0, seed=7)


def completed(index: int = 0) -> str:
    return event("image_generation.completed", index=index, seed=7 + index)


class _Chunks(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that arrives in the given pieces, for either client."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def stream(text: str, piece: int = 1 << 20) -> httpx2.Response:
    """An answer of server-sent events that arrives `piece` bytes at a time."""
    body = text.encode()
    pieces = [body[start : start + piece] for start in range(0, len(body), piece)]
    return httpx2.Response(
        200, headers={"content-type": "text/event-stream", "x-request-id": "req_1"}, stream=_Chunks(pieces)
    )
