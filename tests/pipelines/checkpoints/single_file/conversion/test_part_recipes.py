"""The recipes of a file make the weights of the folder that it was made of, to the bit, whatever the file's layout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from pipelines.checkpoints.files import json_files, safetensors_files
from pipelines.checkpoints.single_file.conversion import part_recipes
from pipelines.checkpoints.single_file.conversion.part_recipes import Recipes
from tests.harness.models import original_layout
from tests.pipelines.checkpoints.single_file.conftest import ARCHITECTURES, GetFolder, MakeFile

Weights = original_layout.Weights


def weights_of(folder: Path) -> Weights:
    (path,) = folder.glob("*.safetensors")
    return {name.removeprefix("text_model."): each for name, each in load_file(path).items()}


def make(recipes: Recipes, path: Path) -> Weights:
    tensors = load_file(path)
    return {name: recipe.make(tensors[recipe.source]) for name, recipe in recipes.items()}


def assert_equal(made: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    assert made.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(made[name], expected[name])] == []


def read_recipes(part: str, path: Path) -> Recipes:
    tensors = safetensors_files.read_header(path).tensors
    if part == "unet":
        config = json_files.read_config(path.with_suffix("") / "unet/config.json")
        return part_recipes.convert_unet(part_recipes.find_unet(tensors), config)
    if part == "vae":
        return part_recipes.find_autoencoder(tensors)
    return part_recipes.find_text_encoder(tensors, part)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_weight_of_a_file_equals_the_folders(kind: str, file_of: MakeFile, folder_of: GetFolder) -> None:
    path = file_of(kind)
    for part in ("unet", "vae", *original_layout.TEXT_ENCODERS[ARCHITECTURES[kind]]):
        assert_equal(make(read_recipes(part, path), path), weights_of(folder_of(kind) / part))


@pytest.mark.parametrize("part", ["vae", "text_encoder"])
def test_a_part_that_stands_alone_in_the_diffusers_layout_is_taken_as_it_is(part: str, folder_of: GetFolder) -> None:
    (path,) = (folder_of("sd15") / part).glob("*.safetensors")
    assert_equal(make(read_recipes(part, path), path), weights_of(path.parent))


@pytest.mark.parametrize(
    ("part", "prefix", "kind"),
    [
        ("unet", "model.diffusion_model.", "sd15"),
        ("vae", "first_stage_model.", "sd15"),
        ("text_encoder", "cond_stage_model.transformer.", "sd15"),
        ("text_encoder", "cond_stage_model.transformer.text_model.", "sd15"),
        ("text_encoder_2", "conditioner.embedders.1.model.", "sdxl"),
    ],
)
def test_a_part_that_stands_alone_in_the_original_layout_has_no_prefix(
    part: str, prefix: str, kind: str, file_of: MakeFile, folder_of: GetFolder
) -> None:
    def leave_alone(weights: Weights) -> None:
        own = {name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)}
        weights.clear()
        weights.update(own)

    path = file_of(kind, leave_alone)
    assert_equal(make(read_recipes(part, path), path), weights_of(folder_of(kind) / part))


def test_text_encoders_of_early_files_lack_a_level_in_their_names(file_of: MakeFile, folder_of: GetFolder) -> None:
    def shorten(weights: Weights) -> None:
        for name in [name for name in weights if ".text_model." in name]:
            weights[name.replace(".text_model.", ".")] = weights.pop(name)

    path = file_of("sd15", shorten)
    assert_equal(make(read_recipes("text_encoder", path), path), weights_of(folder_of("sd15") / "text_encoder"))


def test_layers_beyond_those_that_are_used_are_left_out(file_of: MakeFile) -> None:
    path = file_of("sd21")
    recipes = part_recipes.find_text_encoder(safetensors_files.read_header(path).tensors, "text_encoder", 2)
    assert {name.split(".")[2] for name in recipes if name.startswith("encoder.layers.")} == {"0", "1"}
    assert "final_layer_norm.weight" in recipes


def test_averaged_weights_are_taken_where_they_are_asked_for(file_of: MakeFile) -> None:
    def average(weights: Weights) -> None:
        for name in [name for name in weights if name.startswith(original_layout.UNET)]:
            weights["model_ema." + name.removeprefix("model.").replace(".", "")] = weights[name] * 0.5

    path = file_of("sd15", average)
    tensors = safetensors_files.read_header(path).tensors
    plain = make(part_recipes.find_unet(tensors), path)
    averaged = make(part_recipes.find_unet(tensors, ema=True), path)
    assert_equal(averaged, {name: weight * 0.5 for name, weight in plain.items()})


def test_a_file_without_averaged_weights_has_none(file_of: MakeFile) -> None:
    tensors = safetensors_files.read_header(file_of("sd15")).tensors
    assert part_recipes.find_unet(tensors, ema=True) == {}
