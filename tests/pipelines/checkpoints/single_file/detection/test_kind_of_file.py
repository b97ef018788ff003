"""The kind of a file follows from its keys and shapes, with or without text encoders in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.checkpoints.files.safetensors_files import Tensor
from pipelines.checkpoints.single_file.detection import kind_of_file
from pipelines.checkpoints.single_file.kinds import UNET, Kind
from pipelines.errors import ModelLoadError

PATH = Path("x.safetensors")
SD1 = "cond_stage_model.transformer.text_model.final_layer_norm.bias"
SD2 = "cond_stage_model.model.ln_final.bias"
XL = "conditioner.embedders.0.transformer.text_model.final_layer_norm.bias"
XL_2 = "conditioner.embedders.1.model.ln_final.bias"
REFINER = "conditioner.embedders.0.model.ln_final.bias"
SUPPORTED = "Stable Diffusion 1.x, 2.x and XL are supported."


def tensors(*names: str, unet: Mapping[str, tuple[int, ...]] | None = None, channels: int = 4) -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(names, (8,))
    shapes |= {UNET + name: shape for name, shape in (unet or {}).items()}
    shapes[f"{UNET}input_blocks.0.0.weight"] = (320, channels, 3, 3)
    return {name: Tensor("F16", shape, (0, 0)) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("names", "channels", "kind"),
    [
        ([SD1], 4, Kind.SD1),
        ([SD1], 8, Kind.SD1_INSTRUCT),
        ([SD1], 9, Kind.SD1_INPAINTING),
        ([SD2], 4, Kind.SD2_BASE),
        ([SD2], 9, Kind.SD2_INPAINTING),
        ([XL, XL_2], 4, Kind.SDXL),
        ([XL, XL_2], 9, Kind.SDXL_INPAINTING),
        ([XL, XL_2, "edm_mean", "edm_std"], 4, Kind.PLAYGROUND_V2_5),
        ([REFINER], 4, Kind.SDXL_REFINER),
    ],
)
def test_text_encoders_and_input_channels_tell_the_kind(names: list[str], channels: int, kind: Kind) -> None:
    assert kind_of_file.detect(PATH, tensors(*names, channels=channels)) is kind


@pytest.mark.parametrize(
    ("unet", "kind"),
    [
        ({"input_blocks.1.1.proj_in.weight": (320, 320, 1, 1)}, Kind.SD1),
        ({"input_blocks.1.1.proj_in.weight": (320, 320)}, Kind.SD2_BASE),
        ({"label_emb.0.0.weight": (1280, 2816)}, Kind.SDXL),
        ({"label_emb.0.0.weight": (1536, 2560), "input_blocks.9.0.op.weight": (1, 1, 3, 3)}, Kind.SDXL_REFINER),
    ],
)
def test_a_unet_tells_the_kind_where_there_is_no_text_encoder(unet: dict[str, tuple[int, ...]], kind: Kind) -> None:
    assert kind_of_file.detect(PATH, tensors(unet=unet)) is kind
    alone = {name.removeprefix(UNET): each for name, each in tensors(unet=unet).items()}
    assert kind_of_file.detect(PATH, alone) is kind


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (tensors(SD2, channels=5), f"x.safetensors is a model that needs a depth map. {SUPPORTED}"),
        (tensors(SD2, channels=7), f"x.safetensors is an upscaler. {SUPPORTED}"),
        (tensors(SD1, channels=13), f"x.safetensors has a UNet of 13 input channels. {SUPPORTED}"),
        (
            tensors(XL, XL_2, channels=8),
            "x.safetensors is an InstructPix2Pix model of an architecture for which that is not supported. "
            + SUPPORTED,
        ),
        (
            tensors(XL, XL_2, "edm_vpred.sigma_max"),
            f"x.safetensors is a CosXL model, which has continuous timesteps. {SUPPORTED}",
        ),
        (
            tensors(SD2, "noise_augmentor.time_embed.weight"),
            f"x.safetensors is an unCLIP model, which needs the embedding of an image. {SUPPORTED}",
        ),
        (
            tensors(SD2, unet={"input_blocks.1.1.time_stack.0.norm.weight": (8,)}),
            f"x.safetensors is a video model or a part of one. {SUPPORTED}",
        ),
        (
            tensors(XL, unet={"input_blocks.1.1.proj_in.weight.absmax": (8,)}),
            f"x.safetensors was quantized with bitsandbytes. {SUPPORTED}",
        ),
        (
            {"a": Tensor("F16", (1,), (0, 2))},
            f"x.safetensors is no model that is known; its first key is a. {SUPPORTED}",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(found: dict[str, Tensor], message: str) -> None:
    with pytest.raises(ModelLoadError, match=f"^{re.escape(message)}$"):
        kind_of_file.detect(PATH, found)
