"""Tells the kind of a single file from its header: the keys and the shapes. Reads no tensor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipelines.checkpoints.files.safetensors_files import Tensor
from pipelines.checkpoints.single_file.detection import refusals
from pipelines.checkpoints.single_file.kinds import UNET, Kind
from pipelines.errors import ModelLoadError

_PLAYGROUND: Final = "edm_mean"
"""A key that Playground v2.5 has, whose noise is that of EDM (arXiv:2206.00364)."""
_ARCHITECTURES: Final = {
    "conditioner.embedders.1.": "sdxl",
    "conditioner.embedders.0.model.": "sdxl_refiner",
    "conditioner.embedders.0.transformer.": "sdxl",
    "cond_stage_model.model.": "sd2",
    "cond_stage_model.transformer.": "sd1",
}
"""Architectures by the prefix of a text encoder, the surest first."""
_KINDS: Final = {
    ("sd1", 4): Kind.SD1,
    ("sd1", 8): Kind.SD1_INSTRUCT,
    ("sd1", 9): Kind.SD1_INPAINTING,
    ("sd2", 4): Kind.SD2_BASE,
    ("sd2", 9): Kind.SD2_INPAINTING,
    ("sdxl", 4): Kind.SDXL,
    ("sdxl", 9): Kind.SDXL_INPAINTING,
    ("sdxl_refiner", 4): Kind.SDXL_REFINER,
}
"""Kinds by architecture and input channels. `prediction` tells the two kinds of Stable Diffusion 2.x apart."""
_OTHER_CHANNELS: Final = {
    5: "is a model that needs a depth map",
    7: "is an upscaler",
    8: "is an InstructPix2Pix model of an architecture for which that is not supported",
}


def detect(path: Path, tensors: Mapping[str, Tensor]) -> Kind:
    """Return the kind of the file with these keys. Raises `ModelLoadError` that says what else the file is.

    A UNet that stands alone, with or without the prefix of a whole model, has a kind too: its other parts may be given
    by settings.
    """
    unfit = refusals.describe_unfit(tensors)
    if unfit is not None:
        raise ModelLoadError(f"{path} {unfit}")
    prefix = unet_prefix(tensors)
    if prefix is None:
        raise ModelLoadError(f"{path} {refusals.describe_other(tensors)}")
    unet = {name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)}
    return _find_kind(path, tensors, unet)


def unet_prefix(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the prefix of the UNet's keys, which is empty for a UNet that stands alone, or None if there is none."""
    return next((each for each in (UNET, "") if f"{each}input_blocks.0.0.weight" in tensors), None)


def _find_kind(path: Path, tensors: Mapping[str, Tensor], unet: Mapping[str, Tensor]) -> Kind:
    named = (known for prefix, known in _ARCHITECTURES.items() if any(name.startswith(prefix) for name in tensors))
    architecture = next(named, None) or _architecture_of(unet)
    channels = unet["input_blocks.0.0.weight"].shape[1]
    kind = _KINDS.get((architecture, channels))
    if kind is None:
        other = _OTHER_CHANNELS.get(channels, f"has a UNet of {channels} input channels")
        raise ModelLoadError(f"{path} {other}. {refusals.SUPPORTED}")
    return Kind.PLAYGROUND_V2_5 if kind is Kind.SDXL and _PLAYGROUND in tensors else kind


def _architecture_of(unet: Mapping[str, Tensor]) -> str:
    """Return the architecture of a UNet without text encoders."""
    if "label_emb.0.0.weight" in unet:
        return "sdxl_refiner" if "input_blocks.9.0.op.weight" in unet else "sdxl"
    projection = next((each for name, each in unet.items() if name.endswith(".proj_in.weight")), None)
    return "sd2" if projection is not None and len(projection.shape) == 2 else "sd1"
