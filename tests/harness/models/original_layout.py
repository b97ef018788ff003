"""Writes a model folder as one file with the keys of the original implementations, as Civitai and A1111 have them.

The names are those of CompVis's Stable Diffusion, OpenCLIP and Stability AI's generative models, written here by
themselves: they are not made with the converters that the code under test uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

UNET: Final = "model.diffusion_model."
VAE: Final = "first_stage_model."
CLIP: Final = "clip"
OPEN_CLIP: Final = "open_clip"

Weights = dict[str, Tensor]

TEXT_ENCODERS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "sd1": {"text_encoder": ("cond_stage_model.transformer.", CLIP)},
    "sd2": {"text_encoder": ("cond_stage_model.model.", OPEN_CLIP)},
    "sdxl": {
        "text_encoder": ("conditioner.embedders.0.transformer.", CLIP),
        "text_encoder_2": ("conditioner.embedders.1.model.", OPEN_CLIP),
    },
    "refiner": {"text_encoder_2": ("conditioner.embedders.0.model.", OPEN_CLIP)},
}
"""For each architecture and text encoder, the prefix and the implementation."""

_RESNET: Final = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS: Final = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_ATTENTION: Final = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OPEN_CLIP_LAYER: Final = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


def write(folder: Path, path: Path, architecture: str, *, dtype: torch.dtype = torch.float32) -> Path:
    """Write the model of a folder in the diffusers layout to `path`. Returns it."""
    return save({name: each.to(dtype) for name, each in convert(folder, architecture).items()}, path)


def save(weights: Weights, path: Path, metadata: dict[str, str] | None = None) -> Path:
    """Write weights to `path`. Returns it."""
    save_file({name: each.contiguous() for name, each in weights.items()}, path, metadata)
    return path


def convert(folder: Path, architecture: str) -> Weights:
    """Return the weights of a folder by their original names."""
    layers = _read_config(folder / "unet")["layers_per_block"]
    levels = len(_read_config(folder / "vae")["block_out_channels"])
    return {
        **{UNET + name: each for name, each in unet(_load(folder / "unet"), layers).items()},
        **{VAE + name: each for name, each in autoencoder(_load(folder / "vae"), levels).items()},
        **{
            prefix + name: each
            for part, (prefix, implementation) in TEXT_ENCODERS[architecture].items()
            for name, each in text_encoder(_load(folder / part), implementation).items()
        },
    }


def unet(weights: Weights, layers_per_block: int) -> Weights:
    weights = {_unet_name(name, layers_per_block): each for name, each in weights.items()}
    return {_place_upsampler(name, weights): each for name, each in weights.items()}


def _place_upsampler(name: str, weights: Weights) -> str:
    """Return the name with the upsampler's place, the last of its block: after the attention, if there is one."""
    block, found, rest = name.partition(".UP.")
    if not found:
        return name
    return f"{block}.{2 if f'{block}.1.norm.weight' in weights else 1}.{rest}"


def _unet_name(name: str, layers: int) -> str:
    stem, _, kind = name.rpartition(".")
    if stem in _UNET_ENDS:
        return f"{_UNET_ENDS[stem]}.{kind}"
    if found := re.fullmatch(r"down_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", name):
        block, part, layer, rest = found.groups()
        return f"input_blocks.{int(block) * (layers + 1) + int(layer) + 1}.{_inner(part, rest)}"
    if found := re.fullmatch(r"down_blocks\.(\d+)\.downsamplers\.0\.conv\.(\w+)", name):
        return f"input_blocks.{(int(found[1]) + 1) * (layers + 1)}.0.op.{found[2]}"
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", name):
        part, layer, rest = found.groups()
        place = 1 if part == "attentions" else 2 * int(layer)
        return f"middle_block.{place}.{_inner(part, rest).partition('.')[2]}"
    if found := re.fullmatch(r"up_blocks\.(\d+)\.(resnets|attentions)\.(\d+)\.(.+)", name):
        block, part, layer, rest = found.groups()
        return f"output_blocks.{int(block) * (layers + 1) + int(layer)}.{_inner(part, rest)}"
    found = re.fullmatch(r"up_blocks\.(\d+)\.upsamplers\.0\.conv\.(\w+)", name)
    assert found is not None, name
    return f"output_blocks.{int(found[1]) * (layers + 1) + layers}.UP.conv.{found[2]}"


def _inner(part: str, rest: str) -> str:
    if part == "attentions":
        return f"1.{rest}"
    stem, _, kind = rest.rpartition(".")
    return f"0.{_RESNET[stem]}.{kind}"


def autoencoder(weights: Weights, levels: int) -> Weights:
    return dict(_autoencoder_weight(name, each, levels) for name, each in weights.items())


def _autoencoder_weight(name: str, weight: Tensor, levels: int) -> tuple[str, Tensor]:
    name = name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d+)\.resnets\.", lambda found: f"up.{levels - 1 - int(found[1])}.block.", name)
    name = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda found: f"up.{levels - 1 - int(found[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d+)", lambda found: f"mid.block_{int(found[1]) + 1}", name)
    if "mid_block.attentions.0." not in name:
        return name, weight
    stem, _, kind = name.replace("mid_block.attentions.0.", "mid.attn_1.").rpartition(".")
    place, _, inner = stem.partition("attn_1.")
    if weight.ndim > 1:  # a convolution of one pixel
        weight = weight[:, :, None, None]
    return f"{place}attn_1.{_VAE_ATTENTION[inner]}.{kind}", weight


def text_encoder(weights: Weights, implementation: str) -> Weights:
    weights = {name.removeprefix("text_model."): each for name, each in weights.items()}
    if implementation == CLIP:
        return {f"text_model.{name}": each for name, each in weights.items()}
    return _open_clip(weights)


def _open_clip(weights: Weights) -> Weights:
    ends = {
        "embeddings.token_embedding.weight": "token_embedding.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "final_layer_norm.weight": "ln_final.weight",
        "final_layer_norm.bias": "ln_final.bias",
    }
    made = {}
    for name, each in weights.items():
        if name in ends:
            made[ends[name]] = each
        elif name == "text_projection.weight":
            made["text_projection"] = each.T
        elif ".self_attn.q_proj." in name:
            rows = [weights[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
            kind = name.rpartition(".")[2]
            made[f"{_open_clip_layer(name)}.attn.in_proj_{kind}"] = torch.cat(rows)
        elif not re.search(r"self_attn\.[kv]_proj", name) and "position_ids" not in name:
            inner = name.split(".", 3)[3]
            stem, _, kind = inner.rpartition(".")
            made[f"{_open_clip_layer(name)}.{_OPEN_CLIP_LAYER[stem]}.{kind}"] = each
    return made


def _open_clip_layer(name: str) -> str:
    return f"transformer.resblocks.{name.split('.')[2]}"


def _read_config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
    return config


def _load(folder: Path) -> Weights:
    (path,) = folder.glob("*.safetensors")
    return load_file(path)
