"""Finds the configuration and the weights of each part of a single file: in it, or where the user said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipelines.checkpoints.files import json_files, safetensors_files, weight_files
from pipelines.checkpoints.files.safetensors_files import Header
from pipelines.checkpoints.single_file import settings
from pipelines.checkpoints.single_file.conversion import part_recipes, widths
from pipelines.checkpoints.single_file.conversion.part_recipes import Recipes
from pipelines.checkpoints.single_file.kinds import Kind
from pipelines.checkpoints.single_file.settings import FileSettings
from pipelines.errors import ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess

UNET: Final = "unet"
VAE: Final = "vae"
CONFIG: Final = "config.json"

_ADDED: Final = "projection_class_embeddings_input_dim"
_DTYPES: Final = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
_UPCAST_NOT_NEEDED: Final = re.compile(r"fp16[-_. ]?fix", re.IGNORECASE)
"""The name by which an autoencoder of Stable Diffusion XL is known that does not overflow float16."""
_FIRST_KEYS: Final = {
    VAE: ("decoder.conv_in.weight", "encoder.conv_in.weight"),
    "text_encoder": ("embeddings.token_embedding.weight", "final_layer_norm.weight"),
    "text_encoder_2": ("embeddings.token_embedding.weight", "text_projection.weight"),
}
"""Weights without which a file does not hold the part at all."""


@dataclass(frozen=True, slots=True)
class FileParts:
    """A single file whose kind is known, and the user's settings for it."""

    path: Path
    header: Header
    kind: Kind
    settings: FileSettings
    files: FileAccess = ANY_FILES
    """Opens the other files that belong to it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One network of a model."""

    config: Mapping[str, Any]
    weights: Path
    """The file that holds its weights."""
    dtype: str
    """The dtype of its weights in the file, whatever the configuration says of other files."""


def find(file: FileParts, part: str) -> Part | None:
    """Find a part with weights. None if neither the file nor the user has it. Raises `ModelLoadError`."""
    override = settings.find_override(file.path, file.settings, part)
    if override is None:
        return _read(file, part, file.path, file.header, None)
    weights, config = _open_override(override, part, file.files)
    found = _read(file, part, weights, safetensors_files.read_header(weights), config)
    if found is None:
        raise ModelLoadError(f"{settings.settings_path(file.path)}: {weights} holds no {part}.")
    return found


def fit(file: FileParts, configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the configurations with `addition_time_embed_dim`, which follows only from the UNet and a text encoder.

    The added input of a Stable Diffusion XL UNet is the pooled text and 5 or 6 numbers about sizes, each of which takes
    that many features.
    """
    unet, encoder = configs[UNET], configs.get("text_encoder_2")
    usual = json_files.read_config(file.kind.configs / UNET / CONFIG, file.files).get(_ADDED)
    if encoder is None or unet.get(_ADDED) == usual or (settings.companion(file.path) / UNET / CONFIG).is_file():
        return dict(configs)
    numbers = 5 if file.kind is Kind.SDXL_REFINER else 6
    features = (unet[_ADDED] - encoder["projection_dim"]) // numbers
    return {**configs, UNET: {**unet, "addition_time_embed_dim": features}}


def check_unet(file: FileParts, config: Mapping[str, Any]) -> None:
    """Refuse a UNet with weights that have no place in it: without them it would make other images."""
    found = part_recipes.find_unet(file.header.tensors, ema=file.settings.ema)
    try:
        used = {each.source for each in part_recipes.convert_unet(found, config).values()}
    except KeyError as error:
        raise ModelLoadError(f"{file.path} lacks the weight {error} of its UNet.") from error
    rest = sorted(each.source for each in found.values() if each.source not in used)
    if rest:
        raise ModelLoadError(
            f"{file.path} has weights that a {file.kind.label} UNet has no place for, such as {rest[0]}. Without them "
            "it would make other images."
        )


def read_recipes(part: str, header: Header, config: Mapping[str, Any], *, ema: bool) -> Recipes:
    """Return the recipes for the weights of a part, by the names that the network has."""
    if part == UNET:
        return part_recipes.convert_unet(part_recipes.find_unet(header.tensors, ema=ema), config)
    if part == VAE:
        return part_recipes.find_autoencoder(header.tensors)
    return part_recipes.find_text_encoder(header.tensors, part, config["num_hidden_layers"])


def _open_override(path: Path, part: str, files: FileAccess) -> tuple[Path, Mapping[str, Any] | None]:
    """Return the file of the weights and, of a folder, the configuration."""
    if path.is_file():
        files.expect(path)
        return path, None
    folder = path / part if (path / part).is_dir() else path
    names = [each.name for each in folder.iterdir()]
    stem = weight_files.STEMS["diffusers" if part == VAE else "transformers"]
    form = next((each for each in weight_files.find_forms(names, stem, "float32") if not each.is_index), None)
    if form is None or CONFIG not in names:
        raise ModelLoadError(f"{folder} is no folder of a {part}: it needs {CONFIG} and {stem}.safetensors.")
    files.expect(folder / form.file)
    return folder / form.file, json_files.read_config(folder / CONFIG, files)


def _read(file: FileParts, part: str, weights: Path, header: Header, config: Mapping[str, Any] | None) -> Part | None:
    recipes = _found_recipes(file, part, header)
    if part == UNET and not recipes:
        raise ModelLoadError(
            f'{file.path} has no averaged weights: "ema" in {settings.settings_path(file.path).name} beside it must be '
            "false."
        )
    if any(key not in recipes for key in _FIRST_KEYS.get(part, ())):
        return None
    own = settings.companion(file.path) / part / CONFIG
    if config is None and own.is_file() and weights == file.path:
        config = json_files.read_config(own, file.files)
    if config is not None:
        return Part(config, weights, _most_common_dtype(header, recipes))
    usual = json_files.read_config(file.kind.configs / part / CONFIG, file.files)
    read = _read_sizes(file, part, weights, recipes, usual)
    if part == VAE and (file.settings.vae_upcast is not None or _UPCAST_NOT_NEEDED.search(weights.name)):
        read = {**read, "force_upcast": bool(file.settings.vae_upcast)}
    return Part(read, weights, _most_common_dtype(header, recipes))


def _found_recipes(file: FileParts, part: str, header: Header) -> Recipes:
    """Return the recipes as far as they can be found before the configuration is known."""
    if part == UNET:
        return part_recipes.find_unet(header.tensors, ema=file.settings.ema)
    if part == VAE:
        return part_recipes.find_autoencoder(header.tensors)
    return part_recipes.find_text_encoder(header.tensors, part)


def _read_sizes(
    file: FileParts, part: str, weights: Path, recipes: Recipes, usual: Mapping[str, Any]
) -> dict[str, Any]:
    shapes = {name: each.shape for name, each in recipes.items()}
    read = {UNET: widths.read_unet, VAE: widths.read_autoencoder}.get(part, widths.read_text_encoder)
    try:
        return read(shapes, usual)
    except (KeyError, widths.UnknownSizeError) as error:
        reason = f"lacks the weight {error}" if isinstance(error, KeyError) else str(error)
        remedy = (
            f"put its configuration beside the file, as {file.path.stem}/{part}/{CONFIG}"
            if weights == file.path
            else f"name a folder that has the {part} with its {CONFIG} instead of the file"
        )
        raise ModelLoadError(f"{weights}: its {part} {reason}. If that is as it should be, {remedy}.") from error


def _most_common_dtype(header: Header, recipes: Recipes) -> str:
    counted = Counter(header.tensors[each.source].dtype for each in recipes.values())
    dtype, _ = counted.most_common(1)[0]
    return _DTYPES.get(dtype, dtype)
