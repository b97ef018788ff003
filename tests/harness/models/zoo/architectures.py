"""The networks of each architecture: the published configurations with small widths, without schedulers.

Structure is that of the published models: levels, kinds of blocks, layers of the UNet, heads, activation functions,
scaling factors and token ids. Widths, numbers of the text encoders' layers, vocabularies and sides are small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SIDE: Final = 64
"""Side in pixels of the square that each model was trained for: eight latents."""
TOKENS: Final = 77

_LEVELS: Final = ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D")
_RISING: Final = ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D")

_TEXT: Final[Mapping[str, Any]] = {
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "max_position_embeddings": TOKENS,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
}
"""Published text encoders name ids that are not those of their tokenizer. Pooling then takes the largest id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Arguments of the networks of one architecture, and the components that hold its text encoders."""

    unet: Mapping[str, Any]
    """Arguments of diffusers.UNet2DConditionModel."""
    vae: Mapping[str, Any]
    """Arguments of diffusers.AutoencoderKL."""
    text_encoders: Mapping[str, Mapping[str, Any]]
    """For each suffix of a component's name ("" or "_2") the arguments of transformers.CLIPTextConfig."""
    pad_tokens: Mapping[str, str] = field(default_factory=lambda: {"": "<|endoftext|>"})
    """The padding token of each tokenizer, by the same suffixes."""


def _text_encoder(width: int, activation: str, **more: Any) -> Mapping[str, Any]:
    return {**_TEXT, "hidden_size": width, "intermediate_size": 4 * width, "hidden_act": activation, **more}


_VAE: Final[Mapping[str, Any]] = {
    "block_out_channels": (4, 8, 8, 8),
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "sample_size": SIDE,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}

_XL_VAE: Final = {**_VAE, "scaling_factor": 0.13025, "force_upcast": True}

SD1: Final = Architecture(
    unet={
        "sample_size": SIDE // 8,
        "block_out_channels": (8, 16, 16, 16),
        "layers_per_block": 2,
        "down_block_types": _LEVELS,
        "up_block_types": _RISING,
        "cross_attention_dim": 16,
        "attention_head_dim": 4,
        "norm_num_groups": 4,
    },
    vae=_VAE,
    text_encoders={"": _text_encoder(16, "quick_gelu")},
)
"""Stable Diffusion 1.x."""

SD2: Final = Architecture(
    unet={
        **SD1.unet,
        "cross_attention_dim": 24,
        "attention_head_dim": (1, 2, 2, 2),
        "use_linear_projection": True,
        "upcast_attention": True,
    },
    vae=_VAE,
    text_encoders={"": _text_encoder(24, "gelu", projection_dim=12)},
    pad_tokens={"": "!"},
)
"""Stable Diffusion 2.x at 768 pixels. `attention_head_dim` holds numbers of heads, as it does in the published one."""

SDXL: Final = Architecture(
    unet={
        "sample_size": SIDE // 8,
        "block_out_channels": (8, 16, 16),
        "layers_per_block": 2,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 3),
        "cross_attention_dim": 40,
        "attention_head_dim": (1, 2, 2),
        "use_linear_projection": True,
        "norm_num_groups": 4,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24 + 6 * 8,
    },
    vae=_XL_VAE,
    text_encoders={"": _text_encoder(16, "quick_gelu"), "_2": _text_encoder(24, "gelu", projection_dim=24)},
    pad_tokens={"": "<|endoftext|>", "_2": "!"},
)
"""Stable Diffusion XL: two encoders, pooled text and six numbers about the size."""

SSD_1B: Final = Architecture(
    unet={
        **SDXL.unet,
        "mid_block_type": None,
        "transformer_layers_per_block": (1, (2, 2), (2, 2)),
        "reverse_transformer_layers_per_block": ((2, 2, 3), (2, 1, 1), 1),
    },
    vae=_XL_VAE,
    text_encoders=SDXL.text_encoders,
    pad_tokens=SDXL.pad_tokens,
)
"""Segmind's distilled Stable Diffusion XL: no middle block, and other numbers of layers on the way up."""

REFINER: Final = Architecture(
    unet={
        **SDXL.unet,
        "block_out_channels": (8, 16, 16, 16),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": 2,
        "cross_attention_dim": 24,
        "attention_head_dim": (1, 2, 2, 2),
        "projection_class_embeddings_input_dim": 24 + 5 * 8,
    },
    vae=_XL_VAE,
    text_encoders={"_2": SDXL.text_encoders["_2"]},
    pad_tokens={"_2": "!"},
)
"""The refiner of Stable Diffusion XL: the second encoder alone, and an aesthetic score in place of the target size."""
