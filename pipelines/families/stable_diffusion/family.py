"""Stable Diffusion 1.x and 2.x for the loader: the folder's components, the checks of its UNet, its pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from pipelines import previews
from pipelines.errors import ModelLoadError
from pipelines.families.base import ModelTraits
from pipelines.families.defaults import filled_in, latent_side
from pipelines.families.latent_diffusion.pipeline import Components, LatentDiffusion
from pipelines.families.registry import FAMILIES
from pipelines.families.stable_diffusion.conditioner import ClipConditioner
from pipelines.interface import ModelInfo
from pipelines.runtime import modes
from pipelines.runtime.modes import RunMode
from pipelines.sampling.samplers import SAMPLERS

_PREDICTION_TYPES: Final = ("epsilon", "v_prediction")
_FURTHER_CONDITIONS: Final = ("time_cond_proj_dim", "addition_embed_type", "class_embed_type", "encoder_hid_dim_type")
"""Fields of a UNet's configuration that ask for inputs besides latents, timestep and text."""


_LATENT_SIDE: Final = 64
"""The side of the latents that Stable Diffusion 1 was trained on, for configurations without `sample_size`."""
_SAME_MODEL: Final = (
    "LatentConsistencyModelImg2ImgPipeline",
    "LatentConsistencyModelPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInpaintPipelineLegacy",
    "StableDiffusionPAGImg2ImgPipeline",
    "StableDiffusionPAGInpaintPipeline",
    "StableDiffusionPAGPipeline",
)
"""Pipelines of diffusers that run the same components in another way."""


@FAMILIES.register("StableDiffusionPipeline", *_SAME_MODEL)
class StableDiffusion:
    """Implements `families.base.Family[Components]`."""

    @property
    def components(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "tokenizer": {"CLIPTokenizer": CLIPTokenizer, "CLIPTokenizerFast": CLIPTokenizer},
            "text_encoder": {"CLIPTextModel": CLIPTextModel},
            "unet": {"UNet2DConditionModel": UNet2DConditionModel},
            "vae": {"AutoencoderKL": AutoencoderKL},
            "scheduler": {each.scheduler: getattr(diffusers, each.scheduler) for each in SAMPLERS.values()},
        }

    def traits(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> ModelTraits:
        unet = filled_in(UNet2DConditionModel, configs["unet"])
        vae = filled_in(AutoencoderKL, configs["vae"])
        text_encoder = CLIPTextConfig(**configs["text_encoder"])
        scheduler_class = configs["scheduler"]["_class_name"]
        scheduler = filled_in(getattr(diffusers, scheduler_class), configs["scheduler"])
        scheduler["_class_name"] = scheduler_class
        _check_fit(folder, unet, vae)
        _check_scheduler(folder, scheduler)
        scale = 2 ** (len(vae["block_out_channels"]) - 1)
        return ModelTraits(
            trained_side=scale * latent_side(unet["sample_size"], _LATENT_SIDE),
            side_multiple=scale,
            prompt_tokens=min(
                configs["tokenizer"].get("model_max_length", math.inf), text_encoder.max_position_embeddings
            ),
            latent_channels=unet["in_channels"],
            text_features=unet["cross_attention_dim"],
            scheduler_config=scheduler,
        )

    def assemble(
        self, loaded: Mapping[str, Any], traits: ModelTraits, device: torch.device, mode: RunMode
    ) -> Components:
        text_encoder, unet, vae = loaded["text_encoder"], loaded["unet"], loaded["vae"]
        return Components(
            conditioner=ClipConditioner(loaded["tokenizer"], traits.prompt_tokens),
            networks=modes.build_networks(
                mode,
                text_encoder=text_encoder.to(device).eval(),
                unet=unet.to(device, memory_format=torch.channels_last).eval(),
                vae=vae.to(device, memory_format=torch.channels_last).eval(),
            ),
            scheduler_config=traits.scheduler_config,
        )

    def make_pipeline(
        self,
        info: ModelInfo,
        assembled: Components,
        *,
        preview: Sequence[Sequence[float]] | None,
        mode: RunMode,
        report: Callable[[], object],
    ) -> LatentDiffusion:
        networks = assembled.networks
        modes.prepare_networks(mode, networks, info, report)
        linear_preview = previews.published(networks.vae.config) if preview is None else previews.from_rows(preview)
        return LatentDiffusion(info, assembled, linear_preview, exact=mode.exact)


def _check_fit(folder: Path, unet: Mapping[str, Any], vae: Mapping[str, Any]) -> None:
    """Refuse a UNet whose inputs are not exactly latents, a timestep and text."""
    if not unet["in_channels"] == unet["out_channels"] == vae["latent_channels"]:
        raise ModelLoadError(
            f"{folder} is not a text-to-image model: unet/config.json has {unet['in_channels']} input channels and "
            f"{unet['out_channels']} output channels, and vae/config.json {vae['latent_channels']} latent channels."
        )
    if any(unet[field] for field in _FURTHER_CONDITIONS):
        raise ModelLoadError(f"{folder}/unet/config.json asks for conditions besides text, which is not supported.")


def _check_scheduler(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse what the samplers cannot do: they know the training's discrete timesteps, and outputs of noise or v."""
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in _PREDICTION_TYPES:
        known = " and ".join(_PREDICTION_TYPES)
        raise _unsupported(folder, "prediction_type", f"{prediction} is not supported; {known} are")
    if config.get("timestep_type", "discrete") != "discrete":
        raise _unsupported(folder, "timestep_type", "only discrete timesteps are supported, not continuous ones")
    if config.get("use_flow_sigmas"):
        raise _unsupported(folder, "use_flow_sigmas", "flow matching is not supported")


def _unsupported(folder: Path, field: str, reason: str) -> ModelLoadError:
    return ModelLoadError(f"{folder}/scheduler/scheduler_config.json, {field}: {reason}.")
