"""diffusers' `StableDiffusionPipeline` as every other server runs it, and how jobs share its calls.

One call of that pipeline takes many prompts and generators, but one number of steps, one guidance scale and one size.
Runs in the peers' environments, which have torch, diffusers and Pillow, and nothing of Darkroom's.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MAX_BATCH: Final = 8
"""Images in a call. Guided they make sixteen rows, which is Darkroom's cap too."""
BATCH_WAIT_S: Final = 0.05
"""How long a batch waits to fill: well under the time of the shortest job, as the servers' documentation advises."""
MODEL_VARIABLE: Final = "PEER_MODEL"
THREADS_VARIABLE: Final = "PEER_THREADS"
PORT_VARIABLE: Final = "PEER_PORT"

_BUNDLED: Final = Path(__file__).parents[2] / "pipelines" / "bundled"
_PNG_COMPRESSION: Final = 1
"""As Darkroom encodes."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What the servers are posted, as JSON."""

    prompt: str
    steps: int
    guidance_scale: float
    width: int
    height: int
    seed: int

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ImageRequest:
        return cls(**body)

    @property
    def shared(self) -> tuple[int, float, int, int]:
        """What must be equal in one call of the pipeline."""
        return self.steps, self.guidance_scale, self.width, self.height


class Renderer:
    """The loaded pipeline. One caller at a time."""

    def __init__(self) -> None:
        import torch
        from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

        torch.set_num_threads(int(os.environ[THREADS_VARIABLE]))
        model = os.environ.get(MODEL_VARIABLE, str(_BUNDLED))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        pipeline = StableDiffusionPipeline.from_pretrained(model, dtype=dtype, local_files_only=True).to(device)
        pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
        # The layout that diffusers' page "Accelerate inference" recommends, and that Darkroom uses.
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
        pipeline.set_progress_bar_config(disable=True)
        self._pipeline = pipeline

    def render(self, requests: Sequence[ImageRequest]) -> list[bytes]:
        """The requests' PNG files, in their order: one call of the pipeline for each group that can share it."""
        files: list[bytes] = [b""] * len(requests)
        for group in groups(requests):
            images = self._call([requests[index] for index in group])
            for index, image in zip(group, images, strict=True):
                files[index] = _encode(image)
        return files

    def _call(self, requests: Sequence[ImageRequest]) -> list[Any]:
        """Pillow images of requests that share a call."""
        steps, guidance_scale, width, height = requests[0].shared
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


def groups(requests: Sequence[ImageRequest]) -> list[list[int]]:
    """Indices of the requests that can share a call, the group of the first request first; at most `MAX_BATCH` each."""
    by_shared: dict[tuple[int, float, int, int], list[int]] = {}
    for index, request in enumerate(requests):
        by_shared.setdefault(request.shared, []).append(index)
    return [
        members[start : start + MAX_BATCH]
        for members in by_shared.values()
        for start in range(0, len(members), MAX_BATCH)
    ]


def _generator(seed: int) -> Any:
    """On the CPU, as Darkroom's: the same noise on any device."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def _encode(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=_PNG_COMPRESSION)
    return file.getvalue()
