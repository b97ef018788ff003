"""Files of the published models' sizes pass a check with nothing beside them. They have holes for weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
import transformers
from torch import Tensor

from pipelines.checkpoints import check
from pipelines.checkpoints.files import json_files
from pipelines.checkpoints.single_file.kinds import Kind
from tests.harness.models import original_layout

ARCHITECTURES = {Kind.SD1: "sd1", Kind.SD2_BASE: "sd2", Kind.SDXL: "sdxl", Kind.SDXL_REFINER: "refiner"}
SIDES = {Kind.SD1: 512, Kind.SD2_BASE: 512, Kind.SDXL: 1024, Kind.SDXL_REFINER: 1024}
PARAMETERS = {Kind.SD1: 1.07e9, Kind.SD2_BASE: 1.29e9, Kind.SDXL: 3.47e9, Kind.SDXL_REFINER: 3.04e9}
"""Parameters of each kind, all networks together, as published."""


def read_config(kind: Kind, part: str) -> dict[str, Any]:
    return json_files.read_config(kind.configs / part / "config.json")


def weights_of(kind: Kind) -> dict[str, Tensor]:
    """The weights by their original names, as tensors without content."""
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel.from_config(read_config(kind, "unet")).state_dict()
        vae = diffusers.AutoencoderKL.from_config(read_config(kind, "vae")).state_dict()
        text = {part: text_encoder(kind, part) for part in original_layout.TEXT_ENCODERS[ARCHITECTURES[kind]]}
    named = {original_layout.UNET + name: each for name, each in original_layout.unet(unet, 2).items()}
    named |= {original_layout.VAE + name: each for name, each in original_layout.autoencoder(vae, 4).items()}
    for part, (prefix, implementation) in original_layout.TEXT_ENCODERS[ARCHITECTURES[kind]].items():
        own = original_layout.text_encoder(text[part], implementation)
        named |= {prefix + name: each for name, each in own.items()}
    return named


def text_encoder(kind: Kind, part: str) -> dict[str, Tensor]:
    config = read_config(kind, part)
    if kind is Kind.SD2_BASE:  # its files have one layer more than is used
        config["num_hidden_layers"] += 1
    text_class = getattr(transformers, config["architectures"][0])
    weights: dict[str, Tensor] = text_class(transformers.CLIPTextConfig.from_dict(config)).state_dict()
    return weights


def write_holes(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write a file with a true header and no content, which takes no room on the disk."""
    entries, end = {}, 0
    for name, weight in weights.items():
        entries[name] = {"dtype": "F16", "shape": list(weight.shape), "data_offsets": [end, end + 2 * weight.numel()]}
        end += 2 * weight.numel()
    header = json.dumps(entries).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with path.open("r+b") as file:
        file.truncate(8 + len(header) + end)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_published_model_needs_nothing_beside_its_file(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    weights = weights_of(kind)
    write_holes(weights, path)
    report = check.check(str(path), device="cpu")
    assert report.sizes == ((SIDES[kind], SIDES[kind]),)
    assert report.prompt_tokens == 77
    assert report.notes == (f"model.safetensors is a {kind.label} model.",)
    assert sum(weight.numel() for weight in weights.values()) == pytest.approx(PARAMETERS[kind], rel=0.02)
