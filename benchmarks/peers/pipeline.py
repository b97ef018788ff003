"""diffusers' `StableDiffusionPipeline` as every peer runs it, and the grouping of requests into calls.

One call of that pipeline takes many prompts and generators, but one number of steps, one guidance scale and one size.
This module runs in the peers' environments, which contain torch, diffusers and Pillow, and nothing of Darkroom's.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAX_BATCH: Final = 8
"""Images per pipeline call. With guidance they are sixteen rows, which is also Darkroom's limit."""
BATCH_WAIT_S: Final = 0.05
"""Longest wait for a batch to fill: far below the time of the shortest request, as the peers' documentation advises."""
MODEL_VARIABLE: Final = "PEER_MODEL"
THREADS_VARIABLE: Final = "PEER_THREADS"
PORT_VARIABLE: Final = "PEER_PORT"

_BUNDLED: Final = Path(__file__).parents[2] / "pipelines" / "bundled"
_PNG_COMPRESSION: Final = 1
"""The level that Darkroom uses."""


@dataclass(frozen=True, slots=True)
class PeerRequest:
    """The JSON body of a request to a peer."""

    prompt: str
    steps: int
    guidance_scale: float
    width: int
    height: int
    seed: int

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> PeerRequest:
        return cls(**body)

    @property
    def group_key(self) -> tuple[int, float, int, int]:
        """The values that must be equal in one call of the pipeline."""
        return self.steps, self.guidance_scale, self.width, self.height


class Renderer:
    """The loaded pipeline. It must not be called concurrently."""

    def __init__(self) -> None:
        import torch
        from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

        torch.set_num_threads(int(os.environ[THREADS_VARIABLE]))
        model = os.environ.get(MODEL_VARIABLE, str(_BUNDLED))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=dtype, local_files_only=True).to(device)
        pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
        # diffusers' page "Accelerate inference" recommends this layout, and Darkroom uses it.
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline

    def render(self, requests: Sequence[PeerRequest]) -> list[bytes]:
        """Returns the PNG files in the order of the requests, with one pipeline call for each group."""
        files: list[bytes] = [b""] * len(requests)
        for group in group_requests(requests):
            images = self._call([requests[index] for index in group])
            for index, image in zip(group, images, strict=True):
                files[index] = _encode(image)
        return files

    def _call(self, requests: Sequence[PeerRequest]) -> list[Any]:
        """Returns the Pillow images of requests of one group."""
        steps, guidance_scale, width, height = requests[0].group_key
        result = self._pipeline(
            [request.prompt for request in requests],
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            width=width,
            height=height,
            generator=[_generator(request.seed) for request in requests],
        )
        images: list[Any] = result.images
        return images


def group_requests(requests: Sequence[PeerRequest]) -> list[list[int]]:
    """Groups requests that can share a call. Returns lists of at most `MAX_BATCH` indices, in order of arrival."""
    by_key: dict[tuple[int, float, int, int], list[int]] = {}
    for index, request in enumerate(requests):
        by_key.setdefault(request.group_key, []).append(index)
    return [
        members[start : start + MAX_BATCH] for members in by_key.values() for start in range(0, len(members), MAX_BATCH)
    ]


def _generator(seed: int) -> Any:
    """Returns a CPU generator, as Darkroom uses: the noise is the same on any device."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def _encode(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=_PNG_COMPRESSION)
    return file.getvalue()
