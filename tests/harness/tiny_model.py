"""Writes and loads a Stable Diffusion folder with random weights, so small that a test may run it hundreds of times."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

from benchmarks import random_model
from benchmarks.random_model import Shape
from pipelines.checkpoints import loader
from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from pipelines.families.stable_diffusion.state import LatentState
from pipelines.params import GenerationParams
from pipelines.runtime.modes import RunMode

TOKENS = 24
SIDE = 64
"""Side of the trained size in pixels: eight latents."""

SHAPE: Final = Shape(
    tokens=TOKENS,
    text_encoder={"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    unet={
        "sample_size": SIDE // 8,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 16,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    },
    vae={
        "block_out_channels": (8, 8, 8, 8),
        "norm_num_groups": 4,
        "sample_size": SIDE,
        "mid_block_add_attention": False,
    },
)


def write(folder: Path, seed: int = 0) -> Path:
    """Write a new folder in the layout of Stable Diffusion 1.x. Equal seeds give equal weights."""
    return random_model.write(folder, SHAPE, seed)


def load(folder: Path, *, dtype: str = "auto", mode: RunMode = RunMode()) -> LatentDiffusion:  # noqa: B008 -- frozen
    """Load a folder on the CPU."""
    pipeline = loader.load(str(folder), device="cpu", dtype=dtype, mode=mode)
    assert isinstance(pipeline, LatentDiffusion)
    return pipeline


def begin(pipeline: LatentDiffusion, params: GenerationParams) -> LatentState:
    """Begin an image with its own texts encoded."""
    return pipeline.begin(params, pipeline.encode(params.texts))


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def edit_json(path: Path, **fields: object) -> None:
    write_json(path, {**read_json(path), **fields})
