"""Writes a Stable Diffusion folder with random weights: the arithmetic of a real model without a download.

python -m benchmarks.random_model sd15 /tmp/sd15
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import torch
import typer
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The dimensions of an architecture in the Stable Diffusion 1.x layout."""

    tokens: int
    text_encoder: Mapping[str, Any]
    """Fields of CLIPTextConfig."""
    unet: Mapping[str, Any]
    """Arguments of UNet2DConditionModel."""
    vae: Mapping[str, Any]
    """Arguments of AutoencoderKL. It has four levels, so a latent covers eight pixels."""


SD15: Final = Shape(
    tokens=77,
    text_encoder={
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "vocab_size": 49408,
    },
    unet={
        "sample_size": 64,
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
    },
    vae={"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "sample_size": 512},
)
"""Stable Diffusion 1.5: 860 million parameters in the UNet, 0.80 TFLOP per row at 512x512."""

TINY: Final = Shape(
    tokens=24,
    text_encoder={"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    unet={
        "sample_size": 8,
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
        "sample_size": 64,
        "mid_block_add_attention": False,
    },
)
"""For tests: a UNet call at 64x64 takes milliseconds on a CPU."""

SHAPES: Final = {"sd15": SD15, "tiny": TINY}


def write(folder: Path, shape: Shape, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Writes a new folder and returns it. The same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        words = tokenizer(shape.tokens)
        words.save_pretrained(folder / "tokenizer")
        _text_encoder(words, shape).to(dtype).save_pretrained(folder / "text_encoder")
        _unet(shape).to(dtype).save_pretrained(folder / "unet")
        _vae(shape).to(dtype).save_pretrained(folder / "vae")
    PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, skip_prk_steps=True
    ).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.42.0",
        "feature_extractor": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def tokenizer(tokens: int, *, pad_token: str = "<|endoftext|>") -> CLIPTokenizer:
    """Returns a CLIP tokenizer without merges: 256 bytes, each alone and at the end of a word.

    `tokens` is the longest text that it gives a model, padding included.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(0x100) if byte not in printable]
    letters = [chr(byte) for byte in printable] + [chr(0x100 + n) for n in range(len(others))]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=tokens, pad_token=pad_token)


def _text_encoder(words: CLIPTokenizer, shape: Shape) -> Any:
    config = CLIPTextConfig(
        **{"vocab_size": len(words)} | dict(shape.text_encoder),
        max_position_embeddings=shape.tokens,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return CLIPTextModel(config)


def _unet(shape: Shape) -> UNet2DConditionModel:
    unet = UNet2DConditionModel(**shape.unet)
    for name, weight in unet.named_parameters():
        if "attn2" in name:  # so that the text has an effect that a test can detect
            weight.data *= 3
    return unet


def _vae(shape: Shape) -> AutoencoderKL:
    levels = len(shape.vae["block_out_channels"])
    # Stable Diffusion 1.x decodes in half precision, although diffusers' own default is to ask for more.
    return AutoencoderKL(
        force_upcast=False,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        **shape.vae,
    )


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    shape: Annotated[str, typer.Argument(help=f"One of {', '.join(SHAPES)}.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write; several gigabytes.")],
) -> None:
    """Write the folder in half precision."""
    if shape not in SHAPES:
        raise typer.BadParameter(f"must be one of {', '.join(SHAPES)}", param_hint=["shape"])
    write(folder, SHAPES[shape], dtype=torch.float16)


if __name__ == "__main__":
    app()
