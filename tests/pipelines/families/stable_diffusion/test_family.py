"""The Stable Diffusion family accepts UNets that take latents, a timestep and text, and describes the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from diffusers import PNDMScheduler

from pipelines.errors import ModelLoadError
from pipelines.families.base import ModelTraits
from pipelines.families.stable_diffusion.family import StableDiffusion
from tests.harness.models.tiny_model import SIDE, TOKENS, read_json

FILES = {"tokenizer": "tokenizer_config.json", "scheduler": "scheduler_config.json"}


@pytest.fixture(scope="module")
def configs(model_folder: Path) -> dict[str, dict[str, Any]]:
    parts = StableDiffusion().components
    return {part: read_json(model_folder / part / FILES.get(part, "config.json")) for part in parts}


def test_a_model_is_described_by_its_configuration(configs: dict[str, dict[str, Any]], model_folder: Path) -> None:
    traits = StableDiffusion().traits(Path("model"), configs)

    scheduler = PNDMScheduler.from_pretrained(model_folder / "scheduler")
    known = {name: value for name, value in scheduler.config.items() if name in traits.scheduler_config}
    assert traits.latent_space
    assert replace(traits, latent_space="") == ModelTraits(
        trained_side=SIDE,
        side_multiple=8,
        prompt_tokens=TOKENS,
        latent_channels=4,
        text_features=16,
        scheduler_config={**known, "_class_name": "PNDMScheduler"},
    )


def test_prompts_are_read_up_to_the_text_encoders_length_where_the_tokenizer_says_nothing(
    configs: dict[str, dict[str, Any]],
) -> None:
    traits = StableDiffusion().traits(Path("model"), {**configs, "tokenizer": {}})

    assert traits.prompt_tokens == configs["text_encoder"]["max_position_embeddings"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("in_channels", 5, "has 5 input channels and 4 output channels, and vae/config.json 4 latent channels"),
        ("out_channels", 8, "has 4 input channels and 8 output channels"),
        ("addition_embed_type", "text_time", "other conditions"),
        ("class_embed_type", "timestep", "other conditions"),
    ],
)
def test_a_unet_with_other_inputs_is_refused(
    configs: dict[str, dict[str, Any]], field: str, value: object, reason: str
) -> None:
    with pytest.raises(ModelLoadError, match=reason):
        StableDiffusion().traits(Path("model"), {**configs, "unet": {**configs["unet"], field: value}})
