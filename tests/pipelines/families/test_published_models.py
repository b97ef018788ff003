"""The published configurations that ship with Darkroom are described as the models are: sides, prompts and inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pipelines.families
from pipelines.families.base import ModelTraits
from pipelines.families.registry import FAMILIES
from tests.harness.models.tiny_model import read_json

CONFIGS = Path(pipelines.families.__file__).parents[1] / "checkpoints" / "configs"
FILES = ("config.json", "tokenizer_config.json", "scheduler_config.json")
SIZES = {"text_embeds": 1280, "time_ids": 6}


def describe(name: str) -> ModelTraits:
    configs: dict[str, dict[str, Any]] = {"model_index": read_json(CONFIGS / name / "model_index.json")}
    family = FAMILIES.find(configs["model_index"]["_class_name"])
    assert family is not None
    for part in family().components:
        (path,) = [path for file in FILES if (path := CONFIGS / name / part / file).exists()]
        configs[part] = read_json(path)
    return family().traits(CONFIGS / name, configs)


@pytest.mark.parametrize(
    ("name", "side", "features", "added"),
    [
        ("sd1", 512, 768, {}),
        ("sd1_inpainting", 512, 768, {}),
        ("sd1_instruct", 512, 768, {}),
        ("sd2_base", 512, 1024, {}),
        ("sd2_v", 768, 1024, {}),
        ("sd2_inpainting", 512, 1024, {}),
        ("sdxl", 1024, 2048, SIZES),
        ("sdxl_inpainting", 1024, 2048, SIZES),
        ("playground_v2_5", 1024, 2048, SIZES),
        ("sdxl_refiner", 1024, 1280, {**SIZES, "time_ids": 5}),
    ],
)
def test_a_published_model_is_described_as_it_is(name: str, side: int, features: int, added: dict[str, int]) -> None:
    traits = describe(name)

    assert (traits.trained_side, traits.side_multiple, traits.prompt_tokens) == (side, 8, 77)
    assert (traits.latent_channels, traits.text_features) == (4, features)
    assert traits.added_inputs == added
    assert traits.reads_kept == name.endswith("inpainting")
    assert traits.reads_image == name.endswith("instruct")
    assert traits.zeros_without_negative == (added == SIZES)
