"""How a job is said in each server's language, and how its image is read from the answer. Knows no sockets."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from typing import Any, Final, Protocol

from benchmarks.workload import Job

SAMPLER: Final = "dpm++_2m"
"""DPM-Solver++ (2M), which every target is to use: `DPMSolverMultistepScheduler` in diffusers."""

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = struct.Struct(">8sI4sII")
"""Signature, then the length, type, width and height of the first chunk (PNG specification, 5.2 and 11.2.1)."""


class WrongAnswer(Exception):
    """What came back is not the image that was asked for. The message names the reason, short enough to count."""


class Api(Protocol):
    @property
    def path(self) -> str:
        """Where jobs are posted."""

    def body(self, job: Job) -> dict[str, Any]:
        """The request, to be sent as JSON."""

    def image(self, answer: bytes) -> bytes:
        """The PNG file in the body of an answer with status 200; raises `WrongAnswer`."""


class DarkroomApi:
    """OpenAI's images dialect with our extensions."""

    path = "/v1/images/generations"

    def body(self, job: Job) -> dict[str, Any]:
        width, height = job.size
        return {
            "prompt": job.prompt,
            "size": f"{width}x{height}",
            "seed": job.seed,
            "num_inference_steps": job.steps,
            "guidance_scale": job.guidance_scale,
            "sampler": SAMPLER,
            "output_format": "png",
        }

    def image(self, answer: bytes) -> bytes:
        try:
            return base64.b64decode(json.loads(answer)["data"][0]["b64_json"], validate=True)
        except (ValueError, LookupError, TypeError, binascii.Error):
            raise WrongAnswer("no image in the answer") from None


class PlainApi:
    """What the other servers are given to speak: one flat object in, the PNG file out."""

    path = "/generate"

    def body(self, job: Job) -> dict[str, Any]:
        width, height = job.size
        return {
            "prompt": job.prompt,
            "steps": job.steps,
            "guidance_scale": job.guidance_scale,
            "width": width,
            "height": height,
            "seed": job.seed,
        }

    def image(self, answer: bytes) -> bytes:
        return answer


APIS: Final[dict[str, Api]] = {"darkroom": DarkroomApi(), "plain": PlainApi()}


def check_png(file: bytes, size: tuple[int, int]) -> None:
    """Raises `WrongAnswer` unless the file begins as a PNG of that width and height."""
    if len(file) < _HEADER.size:
        raise WrongAnswer("not a PNG file")
    signature, _, chunk, *found = _HEADER.unpack_from(file)
    if signature != _PNG_SIGNATURE or chunk != b"IHDR":
        raise WrongAnswer("not a PNG file")
    if tuple(found) != size:
        raise WrongAnswer(f"an image of {found[0]}x{found[1]}")
