"""The table of kinds: an architecture, what a kind changes in it, its scheduler and its index.

Schedulers are those that the makers publish. `noobai`, `ssd_1b`, `lcm` and `lcm_sdxl` are written from descriptions of
the published models, not from their files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.harness.models.zoo.architectures import REFINER, SD1, SD2, SDXL, SSD_1B, Architecture

_TRAINING: Final[Mapping[str, Any]] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}
_ZERO_SNR: Final[Mapping[str, Any]] = {
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of model, as its makers publish it."""

    architecture: Architecture
    pipeline: str
    """The diffusers pipeline that its index names."""
    scheduler: str
    """The diffusers scheduler class of its own."""
    scheduler_fields: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the scheduler beside those that all of them share."""
    unet: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the UNet that differ from the architecture's."""
    vae: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the autoencoder that differ from the architecture's."""
    index: Mapping[str, Any] = field(default_factory=dict)
    """Further entries of `model_index.json`."""
    training: Mapping[str, Any] = field(default_factory=lambda: _TRAINING)
    """Arguments of the scheduler about the noise of the training."""


_PNDM: Final = {"skip_prk_steps": True, "set_alpha_to_one": False}
_DDIM: Final = {"clip_sample": False, "set_alpha_to_one": False}
_SD: Final = {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
_LEADING: Final = {"timestep_spacing": "leading", "interpolation_type": "linear"}
_XL: Final = {"force_zeros_for_empty_prompt": True, "add_watermarker": None}

KINDS: Final[Mapping[str, Kind]] = {
    "sd15": Kind(
        architecture=SD1,
        pipeline="StableDiffusionPipeline",
        scheduler="PNDMScheduler",
        scheduler_fields=_PNDM,
        index=_SD,
    ),
    "sd21": Kind(
        architecture=SD2,
        pipeline="StableDiffusionPipeline",
        scheduler="DDIMScheduler",
        scheduler_fields={**_DDIM, "prediction_type": "v_prediction"},
        index=_SD,
    ),
    "sd21_zero_snr": Kind(
        architecture=SD2,
        pipeline="StableDiffusionPipeline",
        scheduler="DDIMScheduler",
        scheduler_fields={**_DDIM, **_ZERO_SNR},
        index=_SD,
    ),
    "sd_turbo": Kind(
        architecture=SD2,
        pipeline="StableDiffusionPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields={"timestep_spacing": "trailing"},
        index=_SD,
    ),
    "lcm": Kind(
        architecture=SD1,
        pipeline="LatentConsistencyModelPipeline",
        scheduler="LCMScheduler",
        unet={"time_cond_proj_dim": 32},
        index=_SD,
    ),
    "sd_inpaint": Kind(
        architecture=SD1,
        pipeline="StableDiffusionInpaintPipeline",
        scheduler="DDIMScheduler",
        scheduler_fields=_DDIM,
        unet={"in_channels": 9},
        index=_SD,
    ),
    "instruct_pix2pix": Kind(
        architecture=SD1,
        pipeline="StableDiffusionInstructPix2PixPipeline",
        scheduler="EulerAncestralDiscreteScheduler",
        unet={"in_channels": 8},
        index={**_SD, "image_encoder": [None, None]},
    ),
    "sdxl": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields=_LEADING,
        index=_XL,
    ),
    "noobai": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields=_ZERO_SNR,
        index=_XL,
    ),
    "ssd_1b": Kind(
        architecture=SSD_1B,
        pipeline="StableDiffusionXLPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields=_LEADING,
        index=_XL,
    ),
    "sdxl_turbo": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLPipeline",
        scheduler="EulerAncestralDiscreteScheduler",
        scheduler_fields={"timestep_spacing": "trailing"},
        index=_XL,
    ),
    "sdxl_lightning": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields={"timestep_spacing": "trailing"},
        index=_XL,
    ),
    "lcm_sdxl": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLPipeline",
        scheduler="LCMScheduler",
        unet={"time_cond_proj_dim": 32},
        index=_XL,
    ),
    "playground": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLPipeline",
        scheduler="EDMDPMSolverMultistepScheduler",
        vae={
            "scaling_factor": 0.5,
            "latents_mean": [-1.6574, 1.886, -1.383, 2.5155],
            "latents_std": [8.4927, 5.9022, 6.5498, 5.2299],
        },
        index=_XL,
        training={},
    ),
    "sdxl_inpaint": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLInpaintPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields=_LEADING,
        unet={"in_channels": 9},
        vae={"force_upcast": False},
        index={**_XL, "requires_aesthetics_score": False},
    ),
    "sdxl_instruct_pix2pix": Kind(
        architecture=SDXL,
        pipeline="StableDiffusionXLInstructPix2PixPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields=_LEADING,
        unet={"in_channels": 8},
        index=_XL,
    ),
    "sdxl_refiner": Kind(
        architecture=REFINER,
        pipeline="StableDiffusionXLImg2ImgPipeline",
        scheduler="EulerDiscreteScheduler",
        scheduler_fields=_LEADING,
        index={
            "force_zeros_for_empty_prompt": False,
            "requires_aesthetics_score": True,
            "text_encoder": [None, None],
            "tokenizer": [None, None],
        },
    ),
}
"""Names of kinds, in the words of this project's tests, and the kinds."""
