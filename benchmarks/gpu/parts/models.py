"""The models that are measured, with random weights: the arithmetic of Stable Diffusion 1.5 and XL, or of tiny ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor

from benchmarks import random_model
from benchmarks.gpu.plan import Settings
from benchmarks.random_model import Shape

_POOLED: Final = 1280
"""Features of SDXL's pooled text, which is a condition beside the tokens'."""
_TIME_IDS: Final = 6
"""SDXL's original size, crop and target size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The networks of a model that cost time: its UNet and the decoder of its autoencoder."""

    unet: Mapping[str, Any]
    """Arguments of UNet2DConditionModel."""
    vae: Mapping[str, Any]
    """Arguments of AutoencoderKL."""
    tokens: int = 77
    pooled_features: int = 0
    """0 for a UNet without a pooled text."""

    @property
    def latents(self) -> int:
        """Side of the trained size in latents."""
        return int(self.unet["sample_size"])

    @property
    def side(self) -> int:
        """Side of the trained size in pixels."""
        return self.latents * int(2 ** (len(self.vae["block_out_channels"]) - 1))


def _of(shape: Shape) -> Model:
    return Model(unet=shape.unet, vae=shape.vae, tokens=shape.tokens)


SD15: Final = _of(random_model.SD15)
SDXL: Final = Model(
    unet={
        "sample_size": 128,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 2,
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": _POOLED + 256 * _TIME_IDS,
    },
    vae={
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "sample_size": 1024,
        "scaling_factor": 0.13025,
    },
    pooled_features=_POOLED,
)
"""stable-diffusion-xl-base-1.0: 2.6 billion parameters in the UNet, 6.76 TFLOP per row at 1024x1024."""

TINY_SD: Final = _of(random_model.TINY)
TINY_XL: Final = Model(
    unet={
        **random_model.TINY.unet,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": _POOLED + 8 * _TIME_IDS,
    },
    vae=random_model.TINY.vae,
    tokens=24,
    pooled_features=_POOLED,
)


def sd15(settings: Settings) -> Model:
    return TINY_SD if settings.tiny else SD15


def sdxl(settings: Settings) -> Model:
    return TINY_XL if settings.tiny else SDXL


def dtype(settings: Settings) -> torch.dtype:
    """float16, in which a GPU is served, or float32, in which a CPU is."""
    return torch.float32 if settings.device == "cpu" else torch.float16


def folder(settings: Settings) -> Path:
    """Return a Stable Diffusion 1.5 folder with random weights, and write it if there is none yet."""
    shape = random_model.TINY if settings.tiny else random_model.SD15
    path = settings.work_folder / ("tiny" if settings.tiny else "sd15")
    if not path.exists():
        partial = path.with_suffix(".partial")
        random_model.write(partial, shape, dtype=dtype(settings))
        partial.rename(path)
    return path


def unet(model: Model, device: str, dtype: torch.dtype) -> Any:
    """Build a UNet in channels_last, as it is served."""
    with _building(device, dtype):
        built = UNet2DConditionModel(**model.unet)
    return built.to(memory_format=torch.channels_last).requires_grad_(False).eval()


def vae(model: Model, device: str, dtype: torch.dtype) -> Any:
    """Build an autoencoder in channels_last, as it is served."""
    levels = len(model.vae["block_out_channels"])
    with _building(device, dtype):
        built = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            **model.vae,
        )
    return built.to(memory_format=torch.channels_last).requires_grad_(False).eval()


@contextmanager
def _building(device: str, dtype: torch.dtype) -> Iterator[None]:
    """Draw new networks' weights where and as they are used. On the CPU, SDXL's would take a minute."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            torch.manual_seed(0)
            yield
    finally:
        torch.set_default_dtype(before)


def inputs(model: Model, rows: int, device: str, dtype: torch.dtype) -> dict[str, Any]:
    """Return the arguments of a UNet call."""

    def random(*shape: int) -> Tensor:
        return torch.randn(rows, *shape, device=device, dtype=dtype)

    sample = random(model.unet.get("in_channels", 4), model.latents, model.latents)
    arguments: dict[str, Any] = {
        "sample": sample.contiguous(memory_format=torch.channels_last),
        "timestep": torch.full((rows,), 500.0, device=device),
        "encoder_hidden_states": random(model.tokens, model.unet["cross_attention_dim"]),
        "return_dict": False,
    }
    if model.pooled_features:
        pooled = {"text_embeds": random(model.pooled_features), "time_ids": random(_TIME_IDS)}
        arguments["added_cond_kwargs"] = pooled
    return arguments


def latents(model: Model, images: int, device: str, dtype: torch.dtype) -> Tensor:
    """Return latents to decode, [images, 4, h, w]."""
    shape = (images, 4, model.latents, model.latents)
    return torch.randn(shape, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
