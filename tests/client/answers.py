"""Answers of a Darkroom server, for handlers that stand in for one."""

from __future__ import annotations

import base64
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
    data = [{"b64_json": b64_png(), "seed": seed} for seed in seeds or (1,)]
    body = {"created": 1, "data": data, "size": "8x8", "output_format": "png", "sampler": "ddim"}
    return httpx2.Response(200, json=body, headers=headers)


def error(status: int, code: str = "a_code", param: str | None = None, **headers: str) -> httpx2.Response:
    """An error answer. Underscores in the names of `headers` stand for hyphens."""
    body = {"error": {"message": "It went wrong.", "type": "a_type", "param": param, "code": code}}
    hyphenated = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, json=body, headers=hyphenated)


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
