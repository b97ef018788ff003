"""The HTTP APIs of the servers: builds request bodies and extracts images from responses. Opens no connections."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any, Final, Protocol

from benchmarks.workload import Request

SAMPLER: Final = "dpm++_2m"
"""The sampler of every target: DPM-Solver++ (2M), diffusers' `DPMSolverMultistepScheduler`."""

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">8sI4sII")
"""Signature, then length, type, width and height of the first chunk (PNG specification, 5.2 and 11.2.1)."""


class InvalidResponse(Exception):
    """The response does not contain the requested image. Failures are counted by the message, so it is short."""


class Api(Protocol):
    """An HTTP API that generates one image per request."""

    @property
    def path(self) -> str:
        """The path of the POST request."""

    def body(self, request: Request) -> dict[str, Any]:
        """Returns the JSON body."""

    def extract_image(self, response: bytes) -> bytes:
        """Returns the PNG file in the body of a response with status 200. Raises `InvalidResponse`."""


class DarkroomApi:
    """OpenAI's image API with Darkroom's extensions."""

    path = "/v1/images/generations"

    def body(self, request: Request) -> dict[str, Any]:
        width, height = request.size
        return {
            "prompt": request.prompt,
            "size": f"{width}x{height}",
            "seed": request.seed,
            "num_inference_steps": request.steps,
            "guidance_scale": request.guidance_scale,
            "sampler": SAMPLER,
            "output_format": "png",
        }

    def extract_image(self, response: bytes) -> bytes:
        try:
            return base64.b64decode(json.loads(response)["data"][0]["b64_json"], validate=True)
        except (ValueError, LookupError, TypeError, binascii.Error):
            raise InvalidResponse("no image in the response") from None


class PlainApi:
    """The API of the peers: a flat JSON object in, a PNG file out."""

    path = "/generate"

    def body(self, request: Request) -> dict[str, Any]:
        width, height = request.size
        return {
            "prompt": request.prompt,
            "steps": request.steps,
            "guidance_scale": request.guidance_scale,
            "width": width,
            "height": height,
            "seed": request.seed,
        }

    def extract_image(self, response: bytes) -> bytes:
        return response


APIS: Final[dict[str, Api]] = {"darkroom": DarkroomApi(), "plain": PlainApi()}


def check_png(file: bytes, size: tuple[int, int]) -> None:
    """Raises `InvalidResponse` unless the file starts like a PNG file of this width and height."""
    if len(file) < _HEADER.size:
        raise InvalidResponse("not a PNG file")
    signature, _, chunk, *found = _HEADER.unpack_from(file)
    if signature != _PNG_SIGNATURE or chunk != b"IHDR":
        raise InvalidResponse("not a PNG file")
    if tuple(found) != size:
        raise InvalidResponse(f"image size {found[0]}x{found[1]}")
