"""The facts that all models with a UNet have in common are read from their configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import ModelLoadError
from pipelines.families.latent_diffusion import model_parts

CONFIGS: dict[str, dict[str, Any]] = {
    "unet": {"in_channels": 4, "out_channels": 4},
    "vae": {"latent_channels": 4, "block_out_channels": [8, 8, 8, 8]},
    "scheduler": {"_class_name": "EulerDiscreteScheduler"},
}


def read(**unet: object) -> model_parts.Configs:
    return model_parts.read(Path("model"), {**CONFIGS, "unet": {**CONFIGS["unet"], **unet}})


@pytest.mark.parametrize(("named", "side"), [(96, 768), ([64, 48], 384), (None, 512)])
def test_the_trained_side_is_that_of_the_latents_times_their_scale(named: object, side: int) -> None:
    assert read(sample_size=named).trained_side(64) == side


@pytest.mark.parametrize(("channels", "reads"), [(4, (False, False)), (8, (False, True)), (9, (True, False))])
def test_further_channels_are_an_image_or_a_mask_and_what_it_keeps(channels: int, reads: tuple[bool, bool]) -> None:
    parts = read(in_channels=channels)

    assert (parts.reads_kept, parts.reads_image) == reads


@pytest.mark.parametrize(
    ("part", "fields", "same"),
    [
        ("unet", {"sample_size": 128}, True),
        ("scheduler", {"prediction_type": "v_prediction"}, True),
        ("scheduler", {"use_karras_sigmas": True}, True),
        ("scheduler", {"beta_end": 0.012}, False),
        ("scheduler", {"rescale_betas_zero_snr": True}, False),
        ("scheduler", {"timestep_spacing": "trailing"}, False),
        ("vae", {"scaling_factor": 0.13025}, False),
        ("vae", {"latents_mean": [0.0, 0.0, 0.0, 0.1]}, False),
    ],
)
def test_the_latents_of_models_with_the_same_scaling_and_noise_are_of_one_kind(
    part: str, fields: dict[str, object], same: bool
) -> None:
    other = model_parts.read(Path("model"), {**CONFIGS, part: {**CONFIGS[part], **fields}})

    assert (other.latent_space == read().latent_space) is same


def test_a_guidance_scale_is_an_input_of_the_unet_where_it_has_a_width_for_it() -> None:
    assert read(time_cond_proj_dim=256).guidance_input == {"timestep_cond": 256}
    assert read().guidance_input == {}


def test_other_channels_are_refused_with_all_numbers() -> None:
    with pytest.raises(ModelLoadError, match=r"7 input channels and 4 output channels.* 4 latent channels"):
        read(in_channels=7)
