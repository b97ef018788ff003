"""Writes the folder of a kind in the layout of diffusers, with seeded random weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from benchmarks import random_model
from tests.harness.models.zoo.architectures import TOKENS
from tests.harness.models.zoo.kinds import KINDS, Kind


def write(kind: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a new folder of a kind in `kinds.KINDS`, in float32. Equal seeds give equal weights."""
    model = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        index = _write_text(model, folder)
        _unet(model).save_pretrained(folder / "unet")
        _vae(model).save_pretrained(folder / "vae")
    _write_scheduler(model, folder / "scheduler")
    _write_index(model, folder, index)
    return folder


def _write_text(kind: Kind, folder: Path) -> dict[str, list[str]]:
    """Write tokenizers and text encoders. Returns their entries in the index."""
    index = {}
    for suffix, fields in kind.architecture.text_encoders.items():
        tokenizer = random_model.tokenizer(TOKENS, pad_token=kind.architecture.pad_tokens[suffix])
        tokenizer.save_pretrained(folder / f"tokenizer{suffix}")
        encoder_class = CLIPTextModelWithProjection if suffix else CLIPTextModel
        encoder = _text_encoder(encoder_class, tokenizer, fields)
        encoder.save_pretrained(folder / f"text_encoder{suffix}")
        index[f"tokenizer{suffix}"] = ["transformers", "CLIPTokenizer"]
        index[f"text_encoder{suffix}"] = ["transformers", encoder_class.__name__]
    return index


def _text_encoder(encoder_class: Any, tokenizer: CLIPTokenizer, fields: Mapping[str, Any]) -> Any:
    encoder = encoder_class(CLIPTextConfig(vocab_size=len(tokenizer), **fields))
    for name, weight in encoder.named_parameters():
        if "embedding" in name:  # so that layers without a norm after them are of a size that matters to a UNet
            weight.data *= 30
    return encoder


def _unet(kind: Kind) -> Any:
    unet = UNet2DConditionModel(**{**kind.architecture.unet, **kind.unet})
    for name, weight in unet.named_parameters():
        if "attn2" in name or "cond_proj" in name:  # so that conditions have an effect that a test can detect
            weight.data *= 3
    return unet


def _vae(kind: Kind) -> Any:
    return AutoencoderKL(**{"force_upcast": False, **kind.architecture.vae, **kind.vae})


def _write_scheduler(kind: Kind, folder: Path) -> None:
    """Write the fields that the makers name, and no defaults of today."""
    folder.mkdir()
    config = {"_class_name": kind.scheduler, "_diffusers_version": "0.19.0", **kind.training, **kind.scheduler_fields}
    (folder / "scheduler_config.json").write_text(json.dumps(config))


def _write_index(kind: Kind, folder: Path, text: Mapping[str, list[str]]) -> None:
    index = {
        "_class_name": kind.pipeline,
        "_diffusers_version": "0.42.0",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", kind.scheduler],
        **text,
        **kind.index,
    }
    (folder / "model_index.json").write_text(json.dumps(index))
