"""Shapes of the published models give their own configurations, and other shapes give theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers
import pytest
import torch
import transformers

from pipelines.checkpoints.files import json_files
from pipelines.checkpoints.single_file.conversion import widths
from pipelines.checkpoints.single_file.conversion.widths import UnknownSizeError
from pipelines.checkpoints.single_file.kinds import Kind
from tests.harness.models import original_layout

Shapes = dict[str, tuple[int, ...]]

IMPLIED = {"mid_block_type": "UNetMidBlock2DCrossAttn", "use_linear_projection": False}
"""Fields that some configurations leave at their default."""


def read_config(kind: Kind, part: str) -> dict[str, Any]:
    return json_files.read_config(kind.configs / part / "config.json")


def unet_shapes(config: Mapping[str, Any]) -> Shapes:
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel.from_config(dict(config))
    return shapes(original_layout.unet(unet.state_dict(), config["layers_per_block"]))


def text_shapes(config: Mapping[str, Any]) -> Shapes:
    text_class = getattr(transformers, config["architectures"][0])
    with torch.device("meta"):
        encoder = text_class(transformers.CLIPTextConfig.from_dict(dict(config)))
    return {name.removeprefix("text_model."): tuple(each.shape) for name, each in encoder.state_dict().items()}


def shapes(weights: Mapping[str, torch.Tensor]) -> Shapes:
    return {name: tuple(each.shape) for name, each in weights.items()}


@pytest.mark.parametrize("kind", Kind)
def test_a_published_unet_has_its_published_configuration(kind: Kind) -> None:
    config = read_config(kind, "unet")
    read = widths.read_unet(unet_shapes(config), config)
    levels = len(config["block_out_channels"])
    depths = config.get("transformer_layers_per_block", 1)
    expected = {**IMPLIED, **config, "transformer_layers_per_block": depths}
    if isinstance(depths, int):  # a level without attention has no layers to count
        attention = [each == "CrossAttnDownBlock2D" for each in config["down_block_types"]]
        attention[-1] = True
        expected["transformer_layers_per_block"] = [depths if each else 1 for each in attention]
    assert len(expected["transformer_layers_per_block"]) == levels
    assert read == expected


@pytest.mark.parametrize("kind", [Kind.SD1, Kind.SDXL])
def test_a_published_autoencoder_has_its_published_configuration(kind: Kind) -> None:
    config = read_config(kind, "vae")
    with torch.device("meta"):
        vae = diffusers.AutoencoderKL.from_config(config)
    assert widths.read_autoencoder(shapes(vae.state_dict()), config) == config


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (Kind.SD1, "text_encoder"),
        (Kind.SD2_V, "text_encoder"),
        (Kind.SDXL, "text_encoder"),
        (Kind.SDXL, "text_encoder_2"),
    ],
)
def test_a_published_text_encoder_has_its_published_configuration(kind: Kind, part: str) -> None:
    config = read_config(kind, part)
    assert widths.read_text_encoder(text_shapes(config), config) == config


def test_stable_diffusion_2_leaves_the_last_layer_of_its_text_encoder_out() -> None:
    config = read_config(Kind.SD2_V, "text_encoder")
    for layers, used in ((24, 23), (23, 23), (3, 2)):
        found = text_shapes({**config, "num_hidden_layers": layers})
        assert widths.read_text_encoder(found, config)["num_hidden_layers"] == used


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.SD1, {"block_out_channels": [64, 128, 128, 128], "cross_attention_dim": 32}),
        (
            Kind.SD2_BASE,
            {"block_out_channels": [64, 128, 128, 192], "attention_head_dim": [1, 2, 2, 3], "layers_per_block": 1},
        ),
        (
            Kind.SDXL,
            {
                "block_out_channels": [64, 128, 192],
                "attention_head_dim": [1, 2, 3],
                "transformer_layers_per_block": [1, 1, 4],
                "projection_class_embeddings_input_dim": 96,
            },
        ),
        (
            Kind.SDXL,  # as in SSD-1B: other depths on the way up, and no attention in the middle
            {
                "transformer_layers_per_block": [[1, 1], [2, 2], [4, 4]],
                "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], [1, 1, 1]],
                "mid_block_type": "UNetMidBlock2D",
            },
        ),
        (
            Kind.SDXL,
            {
                "transformer_layers_per_block": [[1, 1], [1, 1], [2, 2]],
                "reverse_transformer_layers_per_block": [[2, 2, 3], [1, 1, 1], [1, 1, 1]],
                "mid_block_type": None,
            },
        ),
    ],
)
def test_other_sizes_of_a_unet_are_read(kind: Kind, changes: dict[str, Any]) -> None:
    config = {**read_config(kind, "unet"), **changes}
    read = widths.read_unet(unet_shapes(config), read_config(kind, "unet"))
    assert {name: read[name] for name in changes} == changes


def test_other_sizes_of_a_text_encoder_are_read() -> None:
    changes = {
        "hidden_size": 128,
        "num_attention_heads": 2,
        "num_hidden_layers": 3,
        "intermediate_size": 96,
        "vocab_size": 50,
        "max_position_embeddings": 24,
        "projection_dim": 40,
    }
    usual = read_config(Kind.SDXL, "text_encoder_2")
    read = widths.read_text_encoder(text_shapes({**usual, **changes}), usual)
    assert read == {**usual, **changes}


@pytest.mark.parametrize(
    ("kind", "channels", "message"),
    [
        (Kind.SD1, [8, 16], r"has \[8, 16\] channels, which are no multiples of 32"),
        (Kind.SD2_V, [96, 128], r"has \[96, 128\] channels, whose number of attention heads is not known"),
    ],
)
def test_sizes_that_no_shape_tells_are_not_guessed(kind: Kind, channels: list[int], message: str) -> None:
    usual = read_config(kind, "unet")
    tiny = {
        **usual,
        "block_out_channels": channels,
        "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"],
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    with pytest.raises(UnknownSizeError, match=f"^{message}$"):
        widths.read_unet(unet_shapes(tiny), usual)


def test_a_unet_without_attention_to_text_is_not_guessed() -> None:
    usual = read_config(Kind.SD1, "unet")
    found = {name: shape for name, shape in unet_shapes(usual).items() if "attn2" not in name}
    with pytest.raises(UnknownSizeError, match=r"^has a UNet without attention to text$"):
        widths.read_unet(found, usual)
