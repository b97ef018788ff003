"""Finds the recipes by which the weights of a part are made of the tensors of a file, whatever its layout.

The file may hold a whole model in the original layout or the part alone, in the original or in the diffusers layout.
diffusers' own converters know the original names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, Final

from diffusers.loaders import single_file_utils

from pipelines.checkpoints.files.safetensors_files import Tensor
from pipelines.checkpoints.single_file.conversion.recipes import Recipe
from pipelines.checkpoints.single_file.detection.kind_of_file import unet_prefix
from pipelines.checkpoints.single_file.kinds import UNET

Recipes = Mapping[str, Recipe]
"""Recipes by the name of the weight."""

_OPEN_CLIP: Final = "conditioner.embedders.1.model."
"""A prefix under which diffusers' converter finds OpenCLIP. Under that of Stable Diffusion 2.x it would leave out the
projection and a layer by its number."""
_TEXT_PREFIXES: Final = {
    "text_encoder": (
        "conditioner.embedders.0.transformer.",
        "cond_stage_model.transformer.",
        "cond_stage_model.model.",
    ),
    "text_encoder_2": ("conditioner.embedders.1.model.", "conditioner.embedders.0.model."),
}
_VAE_PREFIXES: Final = ("first_stage_model.", "vae.")
_VAE_NAMES: Final = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
_TEXT_MODEL: Final = "text_model."
"""A level that the names of some text encoders have, and those of others lack."""
_OPEN_CLIP_TOKENS: Final = "token_embedding.weight"
_LAYER: Final = re.compile(r"encoder\.layers\.(\d+)\.")
_EMA: Final = "model_ema."


def find_unet(tensors: Mapping[str, Tensor], *, ema: bool = False) -> Recipes:
    """Return recipes for the UNet by its original keys, without prefix. `ema` takes the averaged weights instead."""
    plain = _below(tensors, unet_prefix(tensors) or "")
    if not ema:
        return plain
    averaged = {name: _EMA + (UNET + name).removeprefix("model.").replace(".", "") for name in plain}
    return {name: Recipe(key, tensors[key].shape) for name, key in averaged.items() if key in tensors}


def convert_unet(recipes: Recipes, config: Mapping[str, Any]) -> Recipes:
    """Return the recipes of `find_unet` by the names of diffusers. Raises `KeyError` where a key is missing."""
    converted: Recipes = single_file_utils.convert_ldm_unet_checkpoint(
        {UNET + name: each for name, each in recipes.items()}, dict(config)
    )
    return converted


def find_autoencoder(tensors: Mapping[str, Tensor]) -> Recipes:
    """Return recipes for the autoencoder by the names of diffusers. Empty if the file has none."""
    own = _below(tensors, _first_prefix(tensors, _VAE_PREFIXES))
    own = {name: each for name, each in own.items() if name.startswith(_VAE_NAMES)}
    levels = {name.split(".")[2] for name in own if name.startswith("encoder.down.")}
    if not levels:
        return own
    # The converter asks only for the number of levels.
    config = {"down_block_types": sorted(levels), "up_block_types": sorted(levels)}
    converted: Recipes = single_file_utils.convert_ldm_vae_checkpoint(
        {_VAE_PREFIXES[0] + name: each for name, each in own.items()}, config
    )
    return converted


def find_text_encoder(tensors: Mapping[str, Tensor], part: str, layers: int | None = None) -> Recipes:
    """Return recipes for a text encoder by the names of transformers, without `text_model.`.

    `part` is text_encoder or text_encoder_2. `layers` is the number of layers to take: files of Stable Diffusion 2.x
    have one more, whose output is not used.
    """
    own = _below(tensors, _first_prefix(tensors, _TEXT_PREFIXES[part]))
    own = {name.removeprefix(_TEXT_MODEL): each for name, each in own.items()}
    if _OPEN_CLIP_TOKENS in own:
        own = _convert_open_clip(own)
    return {name: each for name, each in own.items() if layers is None or _layer(name) < layers}


def _convert_open_clip(own: Recipes) -> dict[str, Recipe]:
    # The converter asks only for the width, and only of an encoder that has no projection.
    model = SimpleNamespace(config=SimpleNamespace(hidden_size=own[_OPEN_CLIP_TOKENS].shape[1]))
    converted = single_file_utils.convert_open_clip_checkpoint(
        model, {_OPEN_CLIP + name: each for name, each in own.items()}, _OPEN_CLIP
    )
    return {name.removeprefix(_TEXT_MODEL): each for name, each in converted.items()}


def _layer(name: str) -> int:
    found = _LAYER.match(name)
    return int(found[1]) if found else -1


def _first_prefix(tensors: Mapping[str, Tensor], prefixes: Iterable[str]) -> str:
    """Return the first prefix that a key has, or an empty one for a file that holds the part alone."""
    return next((each for each in prefixes if any(name.startswith(each) for name in tensors)), "")


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Recipe]:
    return {
        name.removeprefix(prefix): Recipe(name, each.shape) for name, each in tensors.items() if name.startswith(prefix)
    }
