"""The Stable Diffusion family accepts UNets that take latents, a timestep and text, and describes the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.checkpoints import folder_checks
from pipelines.errors import ModelLoadError
from pipelines.families.base import ModelTraits
from pipelines.families.stable_diffusion.family import StableDiffusion
from pipelines.families.stable_diffusion.pipeline import Components
from pipelines.runtime.modes import RunMode
from tests.harness.models.tiny_model import SIDE, TOKENS


@pytest.fixture(scope="module")
def loaded(model_folder: Path) -> dict[str, Any]:
    classes = folder_checks.check(model_folder).classes
    return {name: each.from_pretrained(model_folder / name, local_files_only=True) for name, each in classes.items()}


def assemble(loaded: dict[str, Any], mode: RunMode) -> Components:
    return StableDiffusion().assemble(Path("model"), loaded, torch.device("cpu"), mode)


def test_a_model_is_described_by_its_configuration(loaded: dict[str, Any]) -> None:
    traits = StableDiffusion().describe(assemble(loaded, RunMode()))

    assert traits == ModelTraits(
        trained_side=SIDE,
        side_multiple=8,
        prompt_tokens=TOKENS,
        latent_channels=4,
        text_features=16,
        scheduler_config={**loaded["scheduler"].config, "_class_name": "PNDMScheduler"},
    )


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("in_channels", 9, "not a text-to-image model"),
        ("time_cond_proj_dim", 256, "conditions besides text"),
        ("addition_embed_type", "text_time", "conditions besides text"),
        ("sample_size", [64, 64], "sample_size as one number"),
    ],
)
def test_a_unet_with_other_inputs_is_refused(loaded: dict[str, Any], field: str, value: object, reason: str) -> None:
    class Unet:
        config = type(loaded["unet"].config)(loaded["unet"].config | {field: value})

    with pytest.raises(ModelLoadError, match=reason):
        assemble({**loaded, "unet": Unet()}, RunMode())
