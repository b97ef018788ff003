"""Writes and loads a Stable Diffusion folder with random weights, so small that a test may run it hundreds of times."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks import random_model
from pipelines.checkpoints import loader
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import TextKey
from pipelines.params import GenerationParams
from pipelines.runtime.modes import RunMode
from tests.harness.engine import uploads

SHAPE: Final = random_model.TINY
TOKENS: Final = SHAPE.tokens
SIDE: Final = 64
"""Side of the trained size in pixels: eight latents."""

PARAMS: Final = GenerationParams(
    prompt="a red fox",
    negative_prompt="fog",
    width=SIDE,
    height=SIDE,
    steps=3,
    guidance_scale=5.0,
    seed=3,
    sampler="ddim",
)


def write(folder: Path, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Write a new folder in the layout of Stable Diffusion 1.x. Equal seeds give equal weights."""
    return random_model.write(folder, SHAPE, seed, dtype)


def load(
    folder: Path,
    *,
    device: str = "cpu",
    dtype: str = "auto",
    mode: RunMode = RunMode(),  # noqa: B008 -- frozen
) -> LatentDiffusion:
    """Load a folder, by default on the CPU."""
    pipeline = loader.load(str(folder), device=device, dtype=dtype, mode=mode)
    assert isinstance(pipeline, LatentDiffusion)
    return pipeline


def begin(pipeline: LatentDiffusion, params: GenerationParams) -> LatentState:
    """Begin an image with its own texts encoded, and with the uploads of `tests.harness.engine.uploads`."""
    return pipeline.begin(params, pipeline.encode(pipeline.texts(params)), uploads.encode(pipeline, params))


def encode(pipeline: LatentDiffusion, *texts: str) -> list[Tensor]:
    """Encode texts in one call. Returns a conditioning [1, tokens, features] for each."""
    keys = [TextKey(pipeline.info.name, text) for text in texts]
    return [conditioning.hidden for conditioning in pipeline.encode(keys)]


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def overheat(folder: Path, to: Path) -> Path:
    """Copy a model and make its UNet overflow float16, whose maximum is 65,504.

    Each weight is exact in float16, so the model is equal in any dtype. In a wider one, the group norm after the first
    convolution scales its large outputs to 1.
    """
    copy(folder, to)
    for path in to.glob("*/*.safetensors"):
        weights = load_file(path)
        if path.parent.name == "unet":
            weights["conv_in.weight"] *= 6e4 / weights["conv_in.weight"].abs().max()
            weights["conv_in.bias"] += 6e4 - weights["conv_in.bias"].abs().max()
        save_file({name: weight.half().float() for name, weight in weights.items()}, path, {"format": "pt"})
    return to


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def edit_json(path: Path, **fields: object) -> None:
    write_json(path, {**read_json(path), **fields})
